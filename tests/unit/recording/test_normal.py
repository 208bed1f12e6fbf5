"""What of a body counts: not the order of keys, not ids and dates, and all else."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.recording.documents import (
    Gap,
    changed,
    documents,
    filled,
    gaps,
    leaves,
    reordered,
)

from iflow_relay.recording.normal import canonical, is_mark, normalise


def same(one: Any, other: Any) -> bool:
    """Whether two documents are one and the same request."""
    return canonical(normalise(one)) == canonical(normalise(other))


@given(documents())
def test_the_order_of_keys_does_not_count(document: Any) -> None:
    """In no object, however deep."""
    assert same(document, reordered(document))


def fill(seed: int, gap: Gap) -> str:
    """A UUID or a moment."""
    number = gap.number + 10 * seed
    if gap.kind == "id":
        return str(UUID(int=number))
    return f"2026-01-01T00:00:{number:02}Z"


@given(documents(leaves | gaps), st.integers(0, 4), st.integers(0, 4))
def test_ids_and_dates_do_not_count(template: Any, seed: int, other: int) -> None:
    """As long as what was the same id is the same id again."""
    assert same(
        filled(template, lambda gap: fill(seed, gap)),
        filled(template, lambda gap: fill(other, gap)),
    )


@given(documents(), leaves)
def test_any_other_change_of_a_value_counts(document: Any, value: Any) -> None:
    """Of any leaf, to any other value, also of another type."""
    for other in changed(document, value):
        equal = json.dumps(other, sort_keys=True) == json.dumps(document, sort_keys=True)
        assert same(document, other) == equal


@given(documents(), documents())
def test_documents_are_the_same_only_if_they_are_equal(one: Any, other: Any) -> None:
    """Nothing that a document can hold passes for an id or a date."""
    equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert same(one, other) == equal


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("id", "a", "b"),
        ("id", 1, 2),
        ("tool_call_id", "x", "y"),
        ("x", "call_abc12345", "call_9876zyxw"),
        ("x", "chatcmpl-ABCdef123456", "chatcmpl-QQQQQQQQ1"),
        ("x", "msg_0123456789", "msg_9876543210"),
        ("x", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "00000000-0000-0000-0000-000000000001"),
        ("created", 1_700_000_000, 1_800_000_000),
        ("created_at", 1_700_000_000.5, 1_800_000_000_000),
        ("timestamp", "2026-01-01", "2027-12-31"),
        ("birth_date", "2026-01-01", "2027-12-31"),
        ("x", "2026-01-01T10:00:00Z", "2026-01-01 10:00:00.123+01:00"),
    ],
)
def test_what_is_an_id_or_a_date(name: str, one: Any, other: Any) -> None:
    """By its member's name, or by its form."""
    assert same({name: one}, {name: other})


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("id", None, "a"),
        ("id", True, False),
        ("identity", "a", "b"),
        ("grid", "a", "b"),
        ("name", "call_center_a", "call_center_b"),
        ("name", "run_shell_command1", "run_shell_command2"),
        ("content", "call_abc12345 is late", "call_abc12346 is late"),
        ("content", "2026-01-01", "2026-01-02"),
        ("content", 1_700_000_000, 1_700_000_001),
        ("created", 7, 8),
        ("created", "today", "yesterday"),
        ("created", True, False),
        ("time_limit", 1_700_000_000, 1_700_000_001),
        ("x", 1, True),
        ("x", 1, "1"),
        ("x", None, False),
        ("x", [], {}),
        ("x", ["a", "b"], ["b", "a"]),
    ],
)
def test_what_is_neither(name: str, one: Any, other: Any) -> None:
    """Texts with more than an id in them, small numbers, words."""
    assert not same({name: one}, {name: other})


def test_which_ids_are_the_same_counts() -> None:
    """The result of a tool belongs to its call."""

    def history(call: str, result: str) -> list[Any]:
        calls = [{"id": call, "name": "f"}, {"id": "second", "name": "f"}]
        return [{"tool_calls": calls}, {"tool_call_id": result}]

    assert same(history("a", "a"), history("b", "b"))
    assert not same(history("a", "a"), history("a", "second"))
    assert not same(history("a", "a"), history("a", "third"))


def test_a_mark_is_told_from_a_text() -> None:
    """Whatever the text begins with."""
    assert [is_mark(value) for value in normalise(["\0x", "x", str(UUID(int=1)), 1])] == [
        False,
        False,
        True,
        False,
    ]
