"""Rows into the ledger's file and out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .schema import COLUMNS
from .values import Row

if TYPE_CHECKING:
    import sqlite3

BOUNDS = {
    "call": 64,
    "route": 20,
    "path": 200,
    "dialect": 20,
    "client": 60,
    "host": 100,
    "asked": 200,
    "run": 200,
    "error": 60,
}
"""Letters of each text that are kept: clients choose most of them."""

LARGEST = 1 << 53
"""No count is larger: browsers read whole numbers exactly up to here."""

PRUNED_AT_ONCE = 500
"""Old calls that go in one step, which takes milliseconds, so that no other relay waits long."""

_INSERT = (
    f"INSERT OR IGNORE INTO calls ({COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(Row._fields))})"
)

_PRUNE = """
    DELETE FROM calls
    WHERE number IN (SELECT number FROM calls WHERE time < ? ORDER BY time LIMIT ?)
"""


def mend(row: Row) -> Row:
    """The row with nothing in it that a file, a terminal or a page could stumble over."""
    return Row(*(_mend(name, value) for name, value in zip(Row._fields, row, strict=True)))  # type: ignore[arg-type]


def write_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows in one transaction; those that are there already stay as they are."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, map(mend, rows))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prune(connection: sqlite3.Connection, before: float) -> bool:
    """Delete some of the calls before a time; whether more of them may be left."""
    return connection.execute(_PRUNE, (before, PRUNED_AT_ONCE)).rowcount >= PRUNED_AT_ONCE


def _mend(name: str, value: object) -> object:
    if name in BOUNDS:
        text = str(value)[: BOUNDS[name]]
        return text if text.isprintable() else "".join(map(_mend_letter, text))
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, int):
        return max(-LARGEST, min(LARGEST, int(value)))
    return None


def _mend_letter(letter: str) -> str:
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
