"""The file that rows are written to, whatever becomes of it meanwhile."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import short_path
from .complaints import is_damage, warn
from .opening import Identity, create_ledger, identify, move_aside, open_ledger
from .rows import prune, write_rows
from .values import Row

if TYPE_CHECKING:
    import sqlite3

HOUR = 3600.0
"""Seconds between two damaged files that are moved away: a bad disk must not fill with them."""


class LedgerFile:
    """One ledger, to be used in one thread; its methods raise sqlite3.Error, OSError, LedgerError.

    After an error it opens the file again by itself.
    """

    def __init__(self, path: Path) -> None:
        self._named = path
        self._path = path
        self._identity: Identity | None = None
        """Which file it was when it was last opened, or tried to be."""
        self._connection: sqlite3.Connection | None = None
        self._moved_at = float("-inf")

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; where the file is damaged, into a new one."""
        import sqlite3

        try:
            self._write(rows)
        except sqlite3.DatabaseError as error:
            if not is_damage(error) or time.monotonic() - self._moved_at < HOUR:
                raise
            self.close()
            self._begin_anew()
            self._write(rows)

    def prune(self, before: float) -> bool:
        """Delete some of the calls before a time; whether more of them may be left."""
        return prune(self._open(), before)

    def close(self) -> None:
        """Let go of the file."""
        import sqlite3

        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(sqlite3.Error):
                # As far as nobody reads or writes just now; the next relay does the rest.
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path = Path(os.path.realpath(self._named))
            self._identity = create_ledger(self._path)
            self._connection = open_ledger(self._path)
        return self._connection

    def _write(self, rows: Sequence[Row]) -> None:
        for _ in range(3):
            connection = self._open()
            if self._is_there():
                write_rows(connection, rows)
                # Else it has gone into a file that somebody moves away at this moment.
                if self._is_there():
                    return
            self.close()
        raise OSError(f"somebody moves {short_path(self._path)} away again and again")

    def _is_there(self) -> bool:
        return identify(self._path) == self._identity

    def _begin_anew(self) -> None:
        """Move the file that was found damaged aside, unless another relay has done so."""
        if aside := move_aside(self._path, self._identity):
            self._moved_at = time.monotonic()
            warn(
                f"The ledger {short_path(self._path)} is damaged: it was moved to {aside.name}, "
                "and a new one begun."
            )
