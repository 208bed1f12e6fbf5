"""A span of time as a person writes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from iflow_relay.ledger.span import Span, parse_span

ZONE = "Europe/Berlin"
NOW = datetime.fromisoformat("2026-11-21T15:30:00+01:00").timestamp()


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is that of one place, where days of 23 and 25 hours are known."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set")
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30m", "2026-11-21T15:00:00+01:00"),
        ("24h", "2026-11-20T15:30:00+01:00"),
        ("7d", "2026-11-14T15:30:00+01:00"),
        ("2w", "2026-11-07T15:30:00+01:00"),
        ("0d", "2026-11-21T15:30:00+01:00"),
        ("now", "2026-11-21T15:30:00+01:00"),
        ("today", "2026-11-21T00:00:00+01:00"),
        ("Yesterday", "2026-11-20T00:00:00+01:00"),
        ("2026-11-01", "2026-11-01T00:00:00+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
        ("2026-11-01T12:00", "2026-11-01T12:00:00+01:00"),
        (" 2026-11-01t12:00z ", "2026-11-01T12:00:00+00:00"),
    ],
)
def test_a_moment_is_said_in_many_ways(text: str, meant: str) -> None:
    """Dates are local, unless they name a zone."""
    assert parse_span(text, None, NOW) == Span(moment(meant), None)


def test_a_day_with_a_change_of_the_clock_is_one_day() -> None:
    """The day before a Monday after the change began 25 hours before it."""
    monday = moment("2026-10-26T09:00:00+01:00")
    span = parse_span("yesterday", "today", monday)
    since, until = moment("2026-10-25T00:00:00+02:00"), moment("2026-10-26T00:00:00+01:00")
    assert span == Span(since, until)
    assert until - since == 25 * 3600


def test_without_ends_there_is_no_limit() -> None:
    """All calls lie in such a span."""
    assert parse_span(None, None, NOW) == Span(None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "7",
        "7 d",
        "-7d",
        "7y",
        "d",
        "2026-13-01",
        "2026-11-1",
        "1e3d",
        "9999999999d",
        "999999999w",
    ],
)
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    """The message has the end, the text, and what to write."""
    with pytest.raises(ValueError, match=r"until: .* is no time: write 7d, 24h") as caught:
        parse_span(None, text, NOW)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("since", "until"), [("today", "yesterday"), ("1h", "1h"), ("2026-11-02", "2026-11-01")]
)
def test_an_end_that_is_not_after_its_beginning_is_refused(since: str, until: str) -> None:
    """Nothing would lie between them."""
    with pytest.raises(ValueError, match=f"since {since} is not before until {until}"):
        parse_span(since, until, NOW)
