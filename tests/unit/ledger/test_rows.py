"""Whatever a call brings can be written."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ledger.made import row, write

from iflow_relay.ledger.reading import Ledger
from iflow_relay.ledger.rows import BOUNDS, LARGEST, mend


def test_a_row_that_is_well_stays_as_it_is() -> None:
    """None stays None, and names in any script are names."""
    well = row(run="模型-é", prompt=None, first_token=None)
    assert mend(well) == well


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b\x1b[31m\n", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"
         "\N{REPLACEMENT CHARACTER}"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("a\u202eb", "a\N{REPLACEMENT CHARACTER}b"),
        ("x" * 5000, "x" * BOUNDS["asked"]),
    ],
)  # fmt: skip
def test_texts_are_bounded_and_hold_nothing_that_acts_on_a_terminal(text: str, kept: str) -> None:
    """Clients choose them."""
    assert mend(row(asked=text)).asked == kept


@pytest.mark.parametrize(
    ("number", "kept"), [(10**40, LARGEST), (-(10**40), -LARGEST), (True, 1), (None, None)]
)
def test_counts_are_bounded(number: int | None, kept: int | None) -> None:
    """Upstreams say what they like."""
    assert mend(row(prompt=number)).prompt == kept


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=())),
    count=st.none() | st.integers(),
    seconds=st.none() | st.floats(),
)
def test_any_row_can_be_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, count: int | None, seconds: float | None
) -> None:
    """And comes back as it was mended."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    odd = row("1", asked=text, client=text, error=text, cached=count, first_token=seconds)
    write(path, [odd])
    with Ledger(path) as ledger:
        assert ledger.last(1) == [mend(odd)]


def test_a_row_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    """As where nobody knows whether the first time was in vain; the first stays."""
    path = tmp_path / "ledger.sqlite3"
    write(path, [row("1"), row("2")])
    write(path, [row("2", prompt=7), row("3")])
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT call, prompt FROM calls ORDER BY number").fetchall()
    assert found == [("1", 100), ("2", 100), ("3", 100)]
