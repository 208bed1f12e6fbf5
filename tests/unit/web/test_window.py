"""How far back the page looks, and into which slots that is cut."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from iflow_relay.web.window import make_window

NOW = datetime(2026, 11, 21, 14, 35, 12).timestamp


@pytest.fixture(params=["UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's time zone."""
    yield from set_zone(request.param)


def set_zone(name: str) -> Iterator[str]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system's time zone cannot be set")
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    yield name
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_a_day_is_the_present_hour_and_those_before_it(zone: str) -> None:
    """Twenty-four, named as the ledger names them."""
    window = make_window("24h", NOW())
    assert window.unit == "hour"
    assert len(window.slots) == 24
    assert (window.slots[0], window.slots[-1]) == ("2026-11-20 15:00", "2026-11-21 14:00")
    assert window.span.since == datetime(2026, 11, 20, 15).timestamp()
    assert window.span.until == datetime(2026, 11, 21, 15).timestamp()


@pytest.mark.parametrize(("name", "count", "first"), [("7d", 7, 15), ("30d", 30, 23)])
def test_days_are_whole_ones_and_today(zone: str, name: str, count: int, first: int) -> None:
    """From the first one's midnight to the next midnight."""
    window = make_window(name, NOW())
    assert window.unit == "day"
    assert len(window.slots) == count
    assert window.slots[0].endswith(f"-{first}")
    assert window.slots[-1] == "2026-11-21"
    assert window.span.until == datetime(2026, 11, 22).timestamp()


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 8, 20), 24), (datetime(2026, 11, 1, 20), 23)]
)
def test_the_hour_that_comes_twice_is_one_slot(day: datetime, hours: int) -> None:
    """And the one that is left out in spring is none; days of 23 and 25 hours are days."""
    for _ in set_zone("America/New_York"):
        window = make_window("24h", day.timestamp())
        assert len(window.slots) == len(set(window.slots)) == hours
        assert window.slots[-1] == f"{day:%Y-%m-%d} 20:00"
        assert len(make_window("30d", day.timestamp()).slots) == 30


def test_there_are_no_other_windows() -> None:
    """The page offers three."""
    with pytest.raises(KeyError):
        make_window("1y", NOW())
