"""Writes rows in a thread of its own, so that no call ever waits for a disk.

Rules:
1. `put` touches no file. The thread starts with the first row, and writes at once what is there:
   what came during one commit goes into the next.
2. Whatever goes wrong costs no call anything. It is said once; rows wait in memory until it is
   over, which is said too. Too many of them lose the oldest.
3. A row whose fate is unclear is written again: its id sees to it that it counts once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..files import short_path
from .complaints import explain, inform, warn
from .file import LedgerFile
from .values import LedgerError, Row
from .waiting import KEPT, Waiting

PAUSE = 0.01
"""Seconds between two commits, which bound what a kill loses: a hundred a second are no load."""

RETRY = 1.0
"""Seconds until a file that could not be written is tried again."""

DAY = 86_400.0
"""Seconds; also how often old calls are looked for."""


class Writer:
    """The writing end of one ledger; `days` is for how long a call is kept."""

    def __init__(
        self,
        path: Path,
        days: int,
        *,
        kept: int = KEPT,
        retry: float = RETRY,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.days = days
        self._retry = retry
        self._now = now
        self._waiting = Waiting(kept)
        self._file = LedgerFile(path)
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self._said_lost = False
        self._pruned = (0, float("-inf"))

    def put(self, row: Row) -> None:
        """Have a row written; takes microseconds, and never raises."""
        if self._waiting.put(row) and self._thread is None:
            self._thread = _start(self._run)

    def close(self, patience: float = 2.0) -> None:
        """Write what waits, for at most so many seconds; says how many rows are lost."""
        self._waiting.close(patience)
        if self._thread:
            self._thread.join(patience)
        if lost := self._waiting.lost:
            self._waiting.discard()
            name = short_path(self.path)
            warn(f"The ledger {name} lacks {_calls(lost)}: the relay ended before they were in it.")

    # --- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._waiting.wait_for_rows() and not self._waiting.is_over:
                self._write(self._waiting.take())
        except LedgerError as error:
            self._turn_off(str(explain(error, self.path)))
        except Exception as error:
            self._turn_off(f"The ledger {short_path(self.path)} has met a fault: {error!r}.")
        finally:
            self._file.close()

    def _write(self, rows: Sequence[Row]) -> None:
        """One attempt; raises LedgerError where no other is of use."""
        import sqlite3

        try:
            self._file.write(rows)
            self._relieve(len(rows), self._waiting.settle())
            rows = ()
            self._prune()
        except (sqlite3.Error, OSError) as error:
            self._file.close()
            self._waiting.put_back(rows)
            self._complain(error)
            # Once the relay ends it is tried again and again, for as long as there is time.
            time.sleep(PAUSE) if self._waiting.is_closed else self._waiting.pause(self._retry)
        self._waiting.pause(PAUSE)

    def _prune(self) -> None:
        """Take out what is too old: at first, once a day, and where fewer days are wanted."""
        days, last = self._pruned
        now = self._now()
        if days == self.days and 0 <= now - last < DAY:
            return
        while self._file.prune(now - self.days * DAY):
            # New rows go first, and others that write get their turn.
            self._waiting.pause(PAUSE)
            if self._waiting.is_closed or self._waiting.are_there:
                return
        self._pruned = (self.days, now)

    def _complain(self, error: Exception) -> None:
        """Say once what is wrong, and once that it costs rows."""
        if not self._trouble:
            self._trouble = str(explain(error, self.path))
            warn(f"{self._trouble} Calls go on; what they cost is written down once it can be.")
        if self._waiting.dropped and not self._said_lost:
            self._said_lost = True
            warn(f"{self._trouble} Too many calls wait to be written down: the oldest are lost.")

    def _relieve(self, written: int, dropped: int) -> None:
        """Say once that all is well again."""
        if not self._trouble:
            return
        self._trouble, self._said_lost = "", False
        lost = f"; {_calls(dropped)} were lost" if dropped else ""
        inform(
            f"The ledger {short_path(self.path)} is written again: "
            f"{_calls(written)} that waited{lost}."
        )

    def _turn_off(self, why: str) -> None:
        self._waiting.discard()
        warn(f"{why} This relay writes no more into it.")


def _start(run: Callable[[], None]) -> threading.Thread | None:
    """A thread that does not hold up the process's end; None where the system gives none now."""
    thread = threading.Thread(target=run, name="ledger", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def _calls(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"
