"""How far back the page looks: whole hours of a day, or whole days, in local time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from ..ledger.span import Span

HOUR: Final = 3600

Unit = Literal["hour", "day"]


class Window(NamedTuple):
    """A span cut into slots; each is named as the ledger names its days and hours."""

    name: str
    unit: Unit
    span: Span
    slots: tuple[str, ...]


WINDOWS: Final[dict[str, tuple[Unit, int]]] = {"24h": ("hour", 24), "7d": ("day", 7),
                                               "30d": ("day", 30)}  # fmt: skip
"""The unit and how many of it, the present one among them."""


def make_window(name: str, now: float) -> Window:
    """The window that ends with the present hour or day; raises KeyError for another name."""
    unit, count = WINDOWS[name]
    begins = [*(_hours if unit == "hour" else _days)(now, count)]
    pattern = "%Y-%m-%d %H:00" if unit == "hour" else "%Y-%m-%d"
    slots = (datetime.fromtimestamp(begin).strftime(pattern) for begin in begins[:-1])
    # The hour that comes twice in autumn has one name, and so one slot.
    return Window(name, unit, Span(begins[0], begins[-1]), tuple(dict.fromkeys(slots)))


def _hours(now: float, count: int) -> Iterator[float]:
    """When each of the last hours began, and when the next one will."""
    present = datetime.fromtimestamp(now).replace(minute=0, second=0, microsecond=0)
    for back in range(count - 1, -2, -1):
        yield present.timestamp() - back * HOUR


def _days(now: float, count: int) -> Iterator[float]:
    """The same of days, of which some have 23 or 25 hours."""
    today = date.fromtimestamp(now)
    for back in range(count - 1, -2, -1):
        day = today - timedelta(back)
        yield datetime(day.year, day.month, day.day).timestamp()
