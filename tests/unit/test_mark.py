"""What a login of ours has written is told from all else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay import mark

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name != mark.MEMBER), VALUES))
def test_what_was_marked_and_not_changed_is_ours(members: dict[str, Any]) -> None:
    """Also after the way through a file."""
    document = json.loads(json.dumps({**members, mark.MEMBER: mark.mark(members)}))
    assert mark.ours(document) == members.keys()


def test_what_was_changed_or_removed_since_is_not_ours() -> None:
    """Nor what was never marked."""
    marked = mark.mark({"apiKey": "sk-1", "baseUrl": "https://a", "modelName": "m"})
    document = {"apiKey": "sk-2", "baseUrl": "https://a", "theme": "x", mark.MEMBER: marked}
    assert mark.ours(document) == {"baseUrl"}


def test_values_of_another_kind_are_others() -> None:
    """To Python 1, 1.0 and True are equal."""
    assert len({mark.fingerprint(value) for value in (1, 1.0, True, "1")}) == 4


def test_a_fingerprint_does_not_give_the_value_away() -> None:
    """It is shorter than any key, and no part of it."""
    assert len(mark.fingerprint("sk-0123456789abcdef")) == 16
    assert mark.fingerprint("sk-0123456789abcdef") not in "sk-0123456789abcdef"


@pytest.mark.parametrize("marked", [None, "x", [], {"apiKey": 1}, {"apiKey": "é"}, {"other": "x"}])
def test_a_mark_that_is_none_marks_nothing(marked: object) -> None:
    """Whoever wrote it."""
    assert mark.ours({"apiKey": "sk-1", mark.MEMBER: marked}) == frozenset()
