"""How often a time fell into which of a few fixed ranges."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

Bounds = tuple[float, ...]
"""Upper bounds in seconds, each within its range, rising."""

FIRST_TOKEN: Bounds = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
"""Below 0.1 s only a local or a cached model answers; within a second nobody minds the wait; models
that think take tens of seconds; at 300 s the relay itself gives up (`iflow_timeout`)."""

DURATION: Bounds = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1200)
"""From a list of models to an agent's answer of many minutes; densest where chats end, at 1 to
60 s."""

ADDED: Bounds = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
"""The relay takes some 0.2 ms where it is idle; beyond 10 ms a body was huge or the machine is
overloaded, and beyond 100 ms people feel it."""


class Histogram:
    """The times that were added, by range."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.sum = 0.0
        """Seconds in all."""
        self._counts = [0] * (len(bounds) + 1)

    def add(self, seconds: float) -> None:
        """Count a time."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def cumulated(self) -> tuple[int, ...]:
        """How many were at most as long as each bound, and last how many there were."""
        return tuple(accumulate(self._counts))
