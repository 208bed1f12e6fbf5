"""The table of a stream's events, whatever they call themselves."""

from __future__ import annotations

import json

import pytest

from iflow_relay.transcript.reading import read_answer
from iflow_relay.transcript.rendering import render_answer
from iflow_relay.transcript.table import MAX_NAME, render_table
from iflow_relay.transcript.values import Dialect, EventKind


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("response.created", "response.created"),
        ("two\nlines", "two lines"),
        ("x" * MAX_NAME, "x" * MAX_NAME),
        ("x" * MAX_NAME + "y", "x" * MAX_NAME + "…"),
        ("", ""),
    ],
)
def test_a_name_is_one_short_line(name: str, shown: str) -> None:
    """Anybody's server says what its events are called."""
    _, row, total = render_table([EventKind(name, 1, 1, 1, 5)])
    assert row.split("  ")[0].rstrip() == shown
    assert len(row) == len(total)


def test_one_long_name_does_not_widen_all_rows() -> None:
    """Half a megabyte of answer would be shown as 150."""
    names = ["x" * 500_000, *(f"k{number}" for number in range(300))]
    body = b"".join(
        b"data: " + json.dumps({"type": f"response.{name}"}).encode() + b"\n\n" for name in names
    )
    assert len(render_answer(read_answer(body, Dialect.RESPONSES, 200))) < len(body)
