"""The table of a stream's events: how many of each kind, how long, and when they came."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ..jsontext import mend
from ..pacing import Piece
from .stream import Event, find_ends
from .values import EventKind, Timing


def find_arrivals(body: bytes, pieces: Sequence[Piece]) -> list[float]:
    """When each part of a stream was whole, in seconds since its request was.

    A part came with the piece that holds its last byte. Pieces of another body than this one tell
    nothing.
    """
    if not pieces or sum(piece.length for piece in pieces) != len(body):
        return []
    ends = list(accumulate(piece.length for piece in pieces))
    times = list(accumulate(piece.pause for piece in pieces))
    arrivals, piece = list[float](), 0
    for end in find_ends(body):
        while ends[piece] < end:
            piece += 1
        arrivals.append(times[piece])
    return arrivals


class Tally:
    """Counts events by kind; `arrivals` are the times of a stream's parts, where known."""

    def __init__(self, arrivals: Sequence[float] = ()) -> None:
        self._rows: dict[str, list[int]] = {}
        self._timings: dict[str, list[float]] = {}
        self._arrivals = arrivals
        self._number = 0
        self._latest = 0.0

    def add(self, kind: str, event: Event) -> None:
        """One more."""
        self._number += 1
        row = self._rows.get(kind) or self._rows.setdefault(kind, [0, self._number, 0, 0])
        row[0] += 1
        row[2] = self._number
        row[3] += event.size
        if self._arrivals:
            self._time(kind, self._arrivals[event.part])

    def _time(self, kind: str, now: float) -> None:
        timing = self._timings.get(kind)
        if timing is None:
            timing = self._timings[kind] = [now, now, 0.0, 0]
        wait = now - self._latest if self._number > 1 else 0.0
        if wait > timing[2]:
            timing[2:] = wait, self._number
        timing[1] = self._latest = now

    def rows(self) -> tuple[EventKind, ...]:
        """The table, in the order in which the kinds first came."""
        return tuple(
            EventKind(mend(name), count, first, last, size, self._timing(name))
            for name, (count, first, last, size) in self._rows.items()
        )

    def _timing(self, name: str) -> Timing | None:
        if name not in self._timings:
            return None
        first, last, gap, number = self._timings[name]
        return Timing(first, last, gap, int(number))
