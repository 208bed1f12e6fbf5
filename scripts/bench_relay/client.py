"""A client that costs little: raw sockets, no HTTP library, nothing parsed that need not be.

Every answer of one kind has the same head, so each head is read once and then recognised by its
bytes. What an answer's body says is looked at by the classes that measure it, and no further.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache
from time import monotonic_ns
from typing import cast

CHUNKED = -1
MARK = b"data:"
STAMP = re.compile(rb'"content":"(\d+)"')

# The last chunk. Within a body of JSON no CR is ever written plain, so nothing else looks so.
LAST_CHUNK = b"\r\n0\r\n\r\n"


class LoadError(Exception):
    """A system did not do what it is measured at."""


@lru_cache(maxsize=64)
def read_head(head: bytes) -> int:
    """The body's length, or CHUNKED; raises LoadError if the answer is not the one expected."""
    if not head.startswith(b"HTTP/1.1 200"):
        raise LoadError(f"answered {head.splitlines()[0].decode('latin-1')!r}")
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        return CHUNKED
    if match := re.search(rb"\r\ncontent-length: *(\d+)", lower):
        return int(match[1])
    raise LoadError("the answer's length is told neither by a length nor by chunks")


class Connection(asyncio.Protocol):
    """One kept-alive connection, on which one thing is asked at a time."""

    def __init__(self) -> None:
        self.begun = 0
        self.on_end: Callable[[Connection], None] = lambda _: None
        self.on_failure: Callable[[LoadError], None] = lambda _: None
        self._transport: asyncio.Transport
        self._in_head = True
        self._held = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> None:
        """Send a request; the answer must have ended before the next."""
        self.begun = monotonic_ns()
        self._transport.write(request)

    def close(self) -> None:
        """Hang up; nothing more is told."""
        self.on_failure = lambda _: None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            if self._in_head:
                data = self._held + data
                end = data.find(b"\r\n\r\n")
                if end < 0:
                    self._held = data
                    return
                self._left = read_head(data[:end])
                self._in_head = False
                # The CR LF before a first chunk: LAST_CHUNK may stand at the very beginning.
                self._held = b"\r\n"
                data = data[end + 4 :]
            self._read_body(data)
        except LoadError as error:
            self.on_failure(error)

    def _read_body(self, data: bytes) -> None:
        if data:
            self.saw(data)
        if self._left == CHUNKED:
            self._held = (self._held + data)[-len(LAST_CHUNK) :]
            if self._held != LAST_CHUNK:
                return
        else:
            self._left -= len(data)
            if self._left > 0:
                return
        self._in_head = True
        self._held = b""
        self.on_end(self)

    def saw(self, data: bytes) -> None:
        """Look at a piece of a body."""

    def connection_lost(self, error: Exception | None) -> None:
        self.on_failure(LoadError(f"the connection was closed ({error or 'by the other side'})"))


class EventCounter(Connection):
    """Counts the events that come."""

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self._tail = b""

    def saw(self, data: bytes) -> None:
        # A mark may lie across two pieces, but never whole in what is kept of the first.
        most = len(MARK) - 1
        self.events += data.count(MARK) + (self._tail + data[:most]).count(MARK)
        self._tail = data[-most:] if len(data) >= most else (self._tail + data)[-most:]


class FirstEvent(Connection):
    """Notes how long each answer's first event took, in nanoseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[int] = []
        self._noted = 0

    def saw(self, data: bytes) -> None:
        if self._noted != self.begun and MARK in data:
            self._noted = self.begun
            self.waits.append(monotonic_ns() - self.begun)


class StampReader(Connection):
    """Notes how long each chunk was on its way, in nanoseconds, by the time written in it."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[int] = []
        self._text = b""

    def saw(self, data: bytes) -> None:
        now = monotonic_ns()
        text = self._text + data
        end = 0
        for match in STAMP.finditer(text):
            self.delays.append(now - int(match[1]))
            end = match.end()
        # No stamp is longer than this with what is around it, so this is all that may be cut.
        self._text = text[end:][-40:]
