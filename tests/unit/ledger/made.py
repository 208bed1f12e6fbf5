"""Rows and ledgers as the tests make them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from iflow_relay.ledger.file import LedgerFile
from iflow_relay.ledger.values import Row
from iflow_relay.ledger.waiting import KEPT
from iflow_relay.ledger.writing import Writer

NOON = 1_795_262_400.0
"""A moment in 2026."""


def row(call: str = "1", **changed: object) -> Row:
    """A chat that went well, but for what is changed."""
    usual = Row(
        call=call,
        time=NOON,
        route="chat",
        path="/chat/completions",
        dialect="chat",
        client="OpenAI/Python",
        host="127.0.0.1",
        asked="gpt-4o",
        run="glm-4.7",
        status=200,
        error="",
        prompt=100,
        completion=10,
        cached=40,
        reasoning=4,
        first_token=0.5,
        duration=2.0,
        received=300,
        sent=900,
        streamed=True,
    )
    return usual._replace(**changed)  # type: ignore[arg-type]


def write(path: Path, rows: Iterable[Row]) -> None:
    """A ledger that holds these rows."""
    file = LedgerFile(path)
    file.write(tuple(rows))
    file.close()


def calls(path: Path) -> list[str]:
    """The ids in a ledger, in the order in which they came; none while it is being made."""
    if not path.exists():
        return []
    uri = f"{path.as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone():
            return []
        return [call for (call,) in connection.execute("SELECT call FROM calls ORDER BY number")]


@contextlib.contextmanager
def writer(
    path: Path, days: int = 90, *, kept: int = KEPT, now: Callable[[], float] = lambda: NOON
) -> Iterator[Writer]:
    """A writer that soon tries again, for as long as the block."""
    made = Writer(path, days, kept=kept, retry=0.05, now=now)
    try:
        yield made
    finally:
        made.close()
