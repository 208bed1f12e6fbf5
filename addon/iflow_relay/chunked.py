"""The chunked transfer coding, taken off: bytes in, the body's bytes out.

Rules (RFC 9112, section 7.1): each chunk is its size in hex, perhaps extensions, CR LF, that many
bytes, CR LF; one of size 0 is the last, and after it come trailer fields and a blank line. All that
came of the body is given at once, however many chunks it was in: a frame says nothing of its own.
"""

from __future__ import annotations

import re

MAX_LINE = 16 << 10
"""Bytes of a size with its extensions, and of the trailer fields: both are read over."""

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class Chunked:
    """One body.

    Once it has `ended`, `rest` holds what came behind it; where the coding is broken, `broken` says
    how, and what came before that is given all the same.
    """

    def __init__(self) -> None:
        self._left = 0
        self._between = False
        self._last = False
        self._held = b""
        self.ended = False
        self.broken: str | None = None
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """The body's next bytes."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        while at >= 0:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._between = True
            at = self._read_end(data, at) if self._last else self._read_size(data, at)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_size(self, data: bytes, at: int) -> int:
        """The index behind the next chunk's size; -1 where it is not all there yet."""
        if self._between:
            if not data.startswith(b"\r\n", at):
                return self._hold(data[at:], whole=b"\r\n".startswith(data[at:]))
            at += 2
            self._between = False
        match = _SIZE.match(data, at)
        if not match:
            return self._hold(data[at:], whole=b"\n" not in data[at:])
        self._left = int(match[1], 16)
        self._last = not self._left
        return match.end()

    def _read_end(self, data: bytes, at: int) -> int:
        """Read over the trailer fields to the blank line."""
        if not data.startswith(b"\r\n", at):
            found = data.find(b"\r\n\r\n", at)
            if found < 0:
                return self._hold(data[at:], whole=True)
            at = found + 2
        self.ended = True
        self.rest = data[at + 2 :]
        return -1

    def _hold(self, start: bytes, *, whole: bool) -> int:
        """Keep the start of something for when more of it has come."""
        if not whole or len(start) > MAX_LINE:
            self.broken = f"a chunk begins with {start[:40]!r}"
        self._held = start
        return -1
