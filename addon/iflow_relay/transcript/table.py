"""The events of a stream as a table, with the times at which they came where those are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .values import EventKind, Timing

MAX_NAME = 60
"""Letters that are shown of an event's name: what claims to be one may be of any length."""


def render_table(events: Sequence[EventKind]) -> Iterator[str]:
    """The events by kind, in columns; the last row sums them up."""
    total = _sum(events)
    wide = max(len("event"), *(len(_name(row)) for row in events))
    timed = f" {'from s':>8} {'to s':>8} {'gap s':>8}" if total.timing else ""
    yield f"{'event':<{wide}} {'count':>7} {'first':>7} {'last':>7} {'letters':>11}{timed}"
    for row in (*events, total):
        numbers = f"{row.count:>7,} {row.first:>7,} {row.last:>7,} {row.size:>11,}"
        yield f"{_name(row):<{wide}} {numbers}{_times(row.timing)}"
    if total.timing and total.timing.before:
        yield f"longest gap: {total.timing.gap:.3f} s, before event {total.timing.before:,}"


def _name(row: EventKind) -> str:
    """The name on one line, and short enough for a column of its own."""
    name = " ".join(row.name[: MAX_NAME + 1].split())
    return name if len(row.name) <= MAX_NAME else name[:MAX_NAME] + "…"


def _times(timing: Timing | None) -> str:
    if timing is None:
        return ""
    gap = f"{timing.gap:>8.3f}" if timing.before else f"{'-':>8}"
    return f" {timing.first:>8.3f} {timing.last:>8.3f} {gap}"


def _sum(events: Sequence[EventKind]) -> EventKind:
    return EventKind(
        "all",
        sum(row.count for row in events),
        min(row.first for row in events),
        max(row.last for row in events),
        sum(row.size for row in events),
        _sum_times([row.timing for row in events if row.timing]),
    )


def _sum_times(timings: Sequence[Timing]) -> Timing | None:
    if not timings:
        return None
    longest = max(timings, key=lambda timing: timing.gap)
    first = min(timing.first for timing in timings)
    last = max(timing.last for timing in timings)
    return Timing(first, last, longest.gap, longest.before)
