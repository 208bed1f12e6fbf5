"""Ledgers as a relay would have left them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from iflow_relay.ledger.rows import write_rows
from iflow_relay.ledger.schema import migrate
from iflow_relay.ledger.values import Row

PLAIN = Row(
    call="",
    time=0.0,
    route="chat",
    path="/chat/completions",
    dialect="chat",
    client="OpenAI/Python",
    host="127.0.0.1",
    asked="glm-4.7",
    run="glm-4.7",
    status=200,
    error="",
    prompt=100,
    completion=20,
    cached=10,
    reasoning=5,
    first_token=0.4,
    duration=2.0,
    received=500,
    sent=900,
    streamed=True,
)


def make_row(number: int, time: float, **changed: Any) -> Row:
    """A call like most, but for its id, its time, and what is changed."""
    return PLAIN._replace(call=f"{number:032x}", time=time, **changed)


def write_ledger(path: Path, rows: Iterable[Row]) -> Path:
    """Add rows to the file, which is begun where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        migrate(connection)
        write_rows(connection, rows)
    return path
