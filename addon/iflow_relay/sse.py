"""Server-sent events: bytes in, whole events out, and events back into bytes.

Rules (WHATWG HTML, section 9.2.6): a line ends with CR LF, LF or CR; a blank line ends an event;
`data` lines are joined with LF; one blank after the colon is not part of the value; a line that
begins with a colon is a comment. An event that its stream does not finish is not one.
Events are handed on as the bytes they came in, so nothing here decodes or copies them twice.
"""

from __future__ import annotations

import re
from typing import Any

from .jsontext import to_json

MAX_EVENT = 16 << 20
"""Bytes of one unfinished event that are kept: an image fits, an endless line does not."""

BOM = b"\xef\xbb\xbf"

_EVENT_END = re.compile(rb"(?>\r\n|\n|\r){2}")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class TooLong(ValueError):
    """An event is longer than `MAX_EVENT`."""


class Splitter:
    """Cuts a stream behind its last whole event."""

    def __init__(self) -> None:
        self._tail = bytearray()

    @property
    def pending(self) -> bool:
        """Whether part of an event is waiting for the rest."""
        return bool(self._tail)

    def feed(self, data: bytes) -> bytes:
        """All events that are whole by now, as the bytes they came in; raises TooLong."""
        tail = self._tail
        if not tail:
            # The usual case: what one read brought ends with an event.
            if data.endswith(b"\n\n") and not data.endswith(b"\n\n\n") and b"\r" not in data:
                return data
            seen = 0
        else:
            seen = max(0, len(tail) - 3)
        tail += data
        end = _last_end(tail, seen)
        if not end:
            if len(tail) > MAX_EVENT:
                raise TooLong(f"an event of more than {MAX_EVENT >> 20} MiB")
            return b""
        block = bytes(memoryview(tail)[:end])
        del tail[:end]
        return block

    def finish(self) -> bytes:
        """What is left when the stream has ended; see `cut_unfinished`."""
        rest = bytes(self._tail)
        self._tail.clear()
        return rest


def _last_end(buffer: bytearray, start: int) -> int:
    """The index behind the last event that is whole in the buffer; 0 where none is."""
    if buffer.find(b"\r", start) < 0:
        found = buffer.rfind(b"\n\n", start)
        return _even_end(buffer, found + 2) if found >= 0 else 0
    end = 0
    for match in _EVENT_END.finditer(buffer, start):
        # A CR at the very end may be the first half of CR LF: wait for the next byte.
        if match.end() < len(buffer) or buffer[-1:] != b"\r":
            end = match.end()
    return end


def _even_end(buffer: bytearray, end: int) -> int:
    """The end of the last pair in a run of line breaks: of three the last begins the next event."""
    begin = end
    while begin and buffer[begin - 1] == 0x0A:
        begin -= 1
    return end - (end - begin) % 2


def cut_unfinished(rest: bytes) -> tuple[bytes, bytes]:
    """Whole events that waited only for what could follow them, and the unfinished one."""
    end = max((match.end() for match in _EVENT_END.finditer(rest)), default=0)
    return rest[:end], rest[end:]


def split_events(block: bytes) -> list[bytes]:
    """The events in a block of whole events, each with the blank line that ends it."""
    if block.count(b"\n\n") == 1 and block.endswith(b"\n\n") and b"\r" not in block:
        return [block]
    events, start = [], 0
    for match in _EVENT_END.finditer(block):
        events.append(block[start : match.end()])
        start = match.end()
    if start < len(block):
        events.append(block[start:])
    return events


def event_data(event: bytes) -> bytes | None:
    """The value of the event's `data` lines, joined with LF; None where it has none."""
    lines = [
        line[5:].removeprefix(b" ")
        for line in _LINE_END.split(event.removeprefix(BOM))
        if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(lines) if lines else None


def render_event(payload: Any) -> bytes:
    """One `data` event that holds the payload as JSON."""
    return b"data: " + to_json(payload) + b"\n\n"


DONE = b"data: [DONE]\n\n"
