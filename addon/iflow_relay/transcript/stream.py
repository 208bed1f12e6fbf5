"""A recorded event stream: its events as documents, and where each of them ends.

A stream is read whole, so it is cut by plain searches in one text: a stream of 10 MB takes well
under a second. Lines end where the standard of server-sent events says, never at U+2028.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

_FIELD = re.compile(r"(?:data|event|id|retry)?:|data\n")
_END = re.compile(rb"(?>\r\n|\n|\r){2}")

# The scanner itself: what `decode` does besides takes longer than a small event.
_scan: Callable[[str, int], tuple[Any, int]]
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class Event(NamedTuple):
    """One event: which part of its stream it is, its letters, the document in it, or whether it
    says that all is done; no document where it is no object."""

    part: int
    """A stream is cut into parts by its blank lines; not every one is an event."""
    size: int
    document: dict[str, Any] | None
    is_done: bool


def looks_streamed(text: str) -> bool:
    """Whether a body begins like an event stream."""
    return _FIELD.match(text.lstrip("\r\n")) is not None


def read_events(text: str) -> Iterator[Event]:
    """The events of a stream; one that is only a comment is none."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    for part, event in enumerate(text.split("\n\n")):
        data = _data(event)
        if data is None:
            continue
        document = _parse(data)
        yield Event(part, len(event), document, document is None and data.strip() == "[DONE]")


def find_ends(body: bytes) -> list[int]:
    """How many bytes there are up to the end of each part, with the blank line that ends it."""
    if b"\r" in body:
        return [*(match.end() for match in _END.finditer(body)), len(body)]
    ends = list(accumulate(len(part) + 2 for part in body.split(b"\n\n")))
    return [*ends[:-1], len(body)]


def _data(event: str) -> str | None:
    """The value of the `data` lines; nearly every event is a single one."""
    if event.startswith("data:") and "\n" not in event:
        return event[5:]
    if not event:
        return None
    lines = [line[5:] for line in event.split("\n") if line.startswith("data:") or line == "data"]
    return "\n".join(lines) if lines else None


def _parse(data: str) -> dict[str, Any] | None:
    text = data.strip(" \t\n\r")
    try:
        document, end = _scan(text, 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    return document if end == len(text) and isinstance(document, dict) else None
