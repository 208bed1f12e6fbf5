"""Rows on their way from the calls to the thread that writes them: bounded, and never blocking."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence

from .values import Row

KEPT = 10_000
"""Rows that wait for a file that cannot be written: some 10 MB, and a long day's work of agents."""


class Waiting:
    """The rows that wait, the oldest first; all but `put` and `close` is for the thread alone.

    A lock of Python's own that both sides take would now and then stop the calls for milliseconds,
    while the thread that holds it does not run.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._arriving: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        self._rows: deque[Row] = deque()
        self._taken = 0
        self._crowded_out = 0
        self._dropped = 0
        self._settled = 0
        self._closed = threading.Event()
        self._ends_at = float("inf")

    def put(self, row: Row) -> bool:
        """Add a row; False once no more are taken."""
        if self._closed.is_set():
            return False
        self._arriving.put(row)
        if self._arriving.qsize() > self._kept:
            self._crowded_out += self._receive_one() is not None
        return True

    def close(self, patience: float) -> None:
        """Take no more rows; those that wait may be written for so many seconds yet."""
        self._ends_at = min(self._ends_at, time.monotonic() + patience)
        if not self._closed.is_set():
            self._closed.set()
            self._arriving.put(None)

    def wait_for_rows(self) -> bool:
        """Return once there is a row, or no more come; whether there is one."""
        if not self.are_there and not self._closed.is_set() and (row := self._arriving.get()):
            self._rows.append(row)
        self._receive()
        return bool(self._rows)

    def take(self) -> Sequence[Row]:
        """All that waits, which counts as waiting until it is `settle`d or put back."""
        self._receive()
        rows = tuple(self._rows)
        self._taken = len(rows)
        self._rows.clear()
        return rows

    def put_back(self, rows: Sequence[Row]) -> None:
        """What was taken could not be written."""
        self._rows.extendleft(reversed(rows))
        self._taken = 0
        self._receive()

    def settle(self) -> int:
        """What was taken is written; how many rows were dropped since the last time."""
        dropped = self.dropped
        self._settled += dropped
        self._taken = 0
        return dropped

    def discard(self) -> None:
        """Forget the rows, and take no more."""
        self._closed.set()
        self._receive()
        self._rows.clear()
        self._taken = 0
        self.settle()

    def pause(self, seconds: float) -> None:
        """Wait, until `close` at the longest."""
        self._closed.wait(seconds)

    @property
    def dropped(self) -> int:
        """Rows that were too many, since something was last written."""
        return self._crowded_out + self._dropped - self._settled

    @property
    def are_there(self) -> bool:
        """Whether any rows wait."""
        return bool(self._rows) or not self._arriving.empty()

    @property
    def lost(self) -> int:
        """Rows that would be lost if all ended now."""
        arriving = self._arriving.qsize() - self._closed.is_set()
        return max(0, arriving) + len(self._rows) + self._taken + self.dropped

    @property
    def is_closed(self) -> bool:
        """Whether no more rows come."""
        return self._closed.is_set()

    @property
    def is_over(self) -> bool:
        """Whether there is no more time to write any."""
        return time.monotonic() >= self._ends_at

    def _receive(self) -> None:
        """Take over what has arrived, and drop the oldest of too many."""
        for _ in range(self._arriving.qsize()):
            if row := self._receive_one():
                self._rows.append(row)
        while len(self._rows) > self._kept:
            self._rows.popleft()
            self._dropped += 1

    def _receive_one(self) -> Row | None:
        try:
            return self._arriving.get_nowait()
        except queue.Empty:
            return None
