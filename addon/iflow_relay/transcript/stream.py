"""A recorded event stream: its events as documents, counted, and where it breaks off.

A stream is read whole, so it is cut by plain searches in one text: a stream of 10 MB takes well
under a second. Lines end where the standard of server-sent events says, never at U+2028.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .values import EventKind

_FIELD = re.compile(r"(?:data|event|id|retry)?:|data\n")

_DECODER = json.JSONDecoder()


class Event(NamedTuple):
    """One event: its number, its letters, and the document in it; None where it is no object."""

    number: int
    size: int
    document: dict[str, Any] | None
    is_done: bool = False


class Tally:
    """Counts events by kind."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def add(self, kind: str, event: Event) -> None:
        """One more."""
        row = self._rows.setdefault(kind, [0, event.number, 0, 0])
        row[0] += 1
        row[2] = event.number
        row[3] += event.size

    def rows(self) -> tuple[EventKind, ...]:
        """The table, in the order in which the kinds first came."""
        return tuple(EventKind(name, *row) for name, row in self._rows.items())


def looks_streamed(text: str) -> bool:
    """Whether a body begins like an event stream."""
    return _FIELD.match(text.lstrip("\r\n")) is not None


def read_events(text: str) -> Iterator[Event]:
    """The events of a stream; one that is only a comment is none."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    number = 0
    for event in text.split("\n\n"):
        data = _data(event)
        if data is None:
            continue
        number += 1
        if data == "[DONE]" or data.strip() == "[DONE]":
            yield Event(number, len(event), None, is_done=True)
        else:
            yield Event(number, len(event), _parse(data))


def _data(event: str) -> str | None:
    """The value of the `data` lines; nearly every event is a single one."""
    if event.startswith("data:") and "\n" not in event:
        return event[5:]
    if not event:
        return None
    lines = [line[5:] for line in event.split("\n") if line.startswith("data:") or line == "data"]
    return "\n".join(lines) if lines else None


def _parse(data: str) -> dict[str, Any] | None:
    try:
        document = _DECODER.decode(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
