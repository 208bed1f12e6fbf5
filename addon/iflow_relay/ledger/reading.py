"""The ledger's figures: sums and spreads by day, model and the like, and the last calls."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from ..files import short_path
from .complaints import explain
from .schema import COLUMNS, check_version
from .span import Span
from .values import LedgerError, Row

if TYPE_CHECKING:
    import sqlite3

By = Literal["day", "model", "client", "status", "hour", "error"]

PATIENCE = 2.0
"""Seconds for which a file that somebody has locked is tried."""

KEYS: dict[By, str] = {
    "day": "strftime('%Y-%m-%d', CAST(time AS INTEGER), 'unixepoch', 'localtime')",
    "hour": "strftime('%Y-%m-%d %H:00', CAST(time AS INTEGER), 'unixepoch', 'localtime')",
    "model": "CASE WHEN run <> '' THEN run ELSE asked END",
    "client": "client",
    "status": "CAST(status AS TEXT)",
    "error": "error",
}
"""What a row is sorted under."""

_SUMS = ("prompt", "completion", "cached", "reasoning", "received", "sent")
_FAILED = "error <> '' OR status >= 400 OR status = 0"


class Spread(NamedTuple):
    """Seconds within which half, 95 and 99 of a hundred calls were done (nearest rank)."""

    median: float
    p95: float
    p99: float


class Sum(NamedTuple):
    """The calls of one group; `keys` are the group's values, in the order they were asked for."""

    keys: tuple[str, ...]
    calls: int
    failed: int
    prompt: int
    completion: int
    cached: int
    reasoning: int
    """Tokens, where they were counted."""
    received: int
    sent: int
    """Bytes."""
    first_token: Spread | None
    duration: Spread | None


class Ledger:
    """A ledger that is only read, in the thread that opened it."""

    def __init__(self, path: Path) -> None:
        """Raises LedgerError where there is none, or it cannot be read."""
        self._path = path
        if not os.path.exists(path):
            raise LedgerError(
                f"There is no ledger {short_path(path)}: a relay begins it with its first call."
            )
        with self._in_words():
            if not path.is_file():
                # A pipe would have whoever opens it wait for a writer.
                raise LedgerError("it is no file: name another with iflow_ledger")
            self._connection, self._version = _open(path)

    def sums(self, by: Sequence[By], span: Span, *, spreads: bool = True) -> list[Sum]:
        """The groups, sorted by their keys; without `by` one of all calls, be there any or not.

        Spreads take most of the time: they can be left out.
        """
        with self._in_words(), _one_view(self._connection):
            if not self._version:
                return [] if by else [_NOTHING]
            firsts = self._spreads("first_token", by, span) if spreads else {}
            durations = self._spreads("duration", by, span) if spreads else {}
            return [
                Sum._make((keys, *figures, firsts.get(keys), durations.get(keys)))
                for keys, figures in self._totals(by, span)
            ]

    def last(self, count: int) -> list[Row]:
        """The newest calls, the newest first."""
        query = f"SELECT {COLUMNS} FROM calls ORDER BY time DESC, number DESC LIMIT ?"  # noqa: S608
        with self._in_words():
            found = self._connection.execute(query, (count,)) if self._version else ()
            return [_read_row(values) for values in found]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _totals(
        self, by: Sequence[By], span: Span
    ) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
        summed = ", ".join(f"coalesce(sum({name}), 0)" for name in _SUMS)
        query = (
            f"SELECT {_names(by)} count(*), coalesce(sum({_FAILED}), 0), {summed} "  # noqa: S608
            f"FROM ({_within(by)}) {_grouped(by)}"
        )
        for values in self._connection.execute(query, _limits(span)):
            yield values[: len(by)], values[len(by) :]

    def _spreads(self, column: str, by: Sequence[By], span: Span) -> dict[tuple[str, ...], Spread]:
        """The quantiles of a column, by the groups that have any."""
        parted = f"PARTITION BY {_names(by).rstrip(', ')}" if by else ""
        # In whole numbers: the rank of 95 in a hundred is the total times 95 by 100, rounded up.
        ranks = ", ".join(
            f"max(CASE WHEN rank = (total * {share} + 99) / 100 THEN {column} END)"
            for share in (50, 95, 99)
        )
        query = (
            f"SELECT {_names(by)} {ranks} FROM ("  # noqa: S608
            f"SELECT {_names(by)} {column}, count(*) OVER ({parted}) AS total, "
            f"row_number() OVER ({parted} ORDER BY {column}) AS rank "
            f"FROM ({_within(by)}) WHERE {column} IS NOT NULL) {_grouped(by)}"
        )
        found = self._connection.execute(query, _limits(span))
        return {v[: len(by)]: Spread(*v[len(by) :]) for v in found if v[-1] is not None}

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError, LedgerError) as error:
            raise explain(error, self._path) from error


_NOTHING = Sum((), 0, 0, 0, 0, 0, 0, 0, 0, None, None)


def _open(path: Path) -> tuple[sqlite3.Connection, int]:
    """A connection that cannot write, and the file's version."""
    import sqlite3

    mode = "mode=ro"
    while True:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=PATIENCE, isolation_level=None
        )
        try:
            return connection, check_version(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            if mode != "mode=ro" or not _is_at_rest(error, path):
                raise
            mode = "mode=ro&immutable=1"
        except BaseException:
            connection.close()
            raise


def _is_at_rest(error: sqlite3.OperationalError, path: Path) -> bool:
    """Whether it failed only as SQLite wants to write beside a file to which nobody writes."""
    named = error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))
    wal = path.with_name(f"{path.name}-wal")
    return named and not (wal.exists() and wal.stat().st_size)


@contextlib.contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """Several queries of the same calls, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _names(by: Sequence[By]) -> str:
    return "".join(f"key_{name}, " for name in by)


def _grouped(by: Sequence[By]) -> str:
    names = _names(by).rstrip(", ")
    return f"GROUP BY {names} ORDER BY {names}" if by else ""


def _within(by: Sequence[By]) -> str:
    """The calls of a span with their keys."""
    keys = "".join(f"{KEYS[name]} AS key_{name}, " for name in by)
    return f"SELECT {keys} * FROM calls WHERE time >= ? AND time < ?"  # noqa: S608


def _limits(span: Span) -> tuple[float, float]:
    since = float("-inf") if span.since is None else span.since
    return since, float("inf") if span.until is None else span.until


def _read_row(values: Sequence[Any]) -> Row:
    row = Row(*values)
    return row._replace(streamed=bool(row.streamed))
