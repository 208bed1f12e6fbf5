"""A span of time as a person writes it: `7d`, `24h`, `yesterday`, `2026-11-01`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

ACCEPTED = "write 7d, 24h, 30m, today, yesterday, 2026-11-01 or 2026-11-01T12:00"

UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Seconds in one."""

_AGO = re.compile(rf"(\d{{1,9}})([{''.join(UNITS)}])")


class Span(NamedTuple):
    """From `since` until just before `until`, in seconds since 1970; None is no limit."""

    since: float | None
    until: float | None


def parse_span(since: str | None, until: str | None, now: float) -> Span:
    """Read both ends, in local time; raises ValueError in words."""
    span = Span(_parse_end("since", since, now), _parse_end("until", until, now))
    if span.since is not None and span.until is not None and span.since >= span.until:
        raise ValueError(f"since {since} is not before until {until}: nothing lies between them")
    return span


def _parse_end(name: str, text: str | None, now: float) -> float | None:
    if text is None:
        return None
    try:
        moment = _parse_moment(text.strip().lower(), now)
        datetime.fromtimestamp(moment).astimezone()  # else no calendar has such a day
        return moment
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{name}: {text!r} is no time: {ACCEPTED}") from error


def _parse_moment(text: str, now: float) -> float:
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * UNITS[ago[2]]
    if text == "now":
        return now
    if text in ("today", "yesterday"):
        return _midnight(now, days_before=int(text == "yesterday"))
    return datetime.fromisoformat(text.upper()).timestamp()


def _midnight(now: float, days_before: int) -> float:
    """When a day began; a day of 23 or 25 hours is one all the same."""
    day = datetime.fromtimestamp(now).date() - timedelta(days_before)
    return datetime(day.year, day.month, day.day).timestamp()
