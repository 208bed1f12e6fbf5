"""What a check has found: one line, and one for what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not for everybody, or not for ever."""
    FAILURE = "failure"
    SKIPPED = "skipped"
    """It was not looked at, as something before it is missing."""


class Verdict(NamedTuple):
    """One thing that was looked at; `advice` is empty where there is nothing to do."""

    name: str
    status: Status
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Verdict:
    """It is as it should be."""
    return Verdict(name, Status.OK, found)


def warning(name: str, found: str, advice: str) -> Verdict:
    """It may do harm."""
    return Verdict(name, Status.WARNING, found, advice)


def failure(name: str, found: str, advice: str) -> Verdict:
    """It is broken."""
    return Verdict(name, Status.FAILURE, found, advice)


def skipped(name: str, found: str, advice: str = "") -> Verdict:
    """It could not be looked at."""
    return Verdict(name, Status.SKIPPED, found, advice)


def read_advice(message: str) -> tuple[str, str]:
    """What was found and what to do, of a message that says both."""
    for between in (". ", ": "):
        found, _, advice = message.partition(between)
        if advice:
            return found, advice
    return message, ""
