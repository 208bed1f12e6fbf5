"""A compressed stream, opened piece by piece for the reader behind it."""

from __future__ import annotations

import zlib
from typing import Any

from .errors import RelayError, UpstreamInvalid
from .reader import Reader

PIECE = 1 << 20
"""Bytes that are opened at once, so that a small bomb does not become a large one in memory."""

_DAMAGED = "The upstream's compression is damaged."


class Inflating:
    """Opens `gzip` and `deflate`, with or without zlib's frame, and hands on what was inside."""

    def __init__(self, reader: Reader, coding: str) -> None:
        self._reader = reader
        self._coding = coding
        self._member: Any = None
        self._head = b""

    @property
    def ended(self) -> bool:
        """Whether the reader wants no more."""
        return self._reader.ended

    @property
    def refusal(self) -> RelayError | None:
        """The error that stands in place of the whole answer."""
        return self._reader.refusal

    @property
    def failure(self) -> RelayError | None:
        """The error that ended the stream."""
        return self._reader.failure

    def feed(self, data: bytes) -> bytes:
        """What the client gets now that these bytes came."""
        if self._coding not in ("gzip", "x-gzip", "deflate"):
            return self.fail(UpstreamInvalid(f"The upstream compresses with {self._coding!r}."))
        out: list[bytes] = []
        data = self._head + data
        # A gzip file may have several members (RFC 1952, section 2.2): each is opened anew.
        while data and not self._reader.ended:
            if self._member is None and len(data) < 2:
                break
            try:
                piece, data = self._inflate(data)
            except zlib.error:
                return b"".join(out) + self.fail(UpstreamInvalid(_DAMAGED))
            out.append(self._reader.feed(piece))
        self._head = data
        return b"".join(out)

    def finish(self, *, delimited: bool = True) -> bytes:
        """What the client gets when the upstream has ended the stream."""
        return self._reader.finish(delimited=delimited)

    def fail(self, error: RelayError) -> bytes:
        """What the client gets when the stream breaks off."""
        return self._reader.fail(error)

    def _inflate(self, data: bytes) -> tuple[bytes, bytes]:
        """At most one piece out of the data, and the data that is left."""
        member = self._member = self._member or zlib.decompressobj(wbits=_frame(data))
        piece = member.decompress(data, PIECE)
        if not member.eof:
            return piece, member.unconsumed_tail
        self._member = None
        return piece, member.unused_data


def _frame(head: bytes) -> int:
    """zlib's `wbits` for a body that begins with these two bytes or more.

    Some servers call it deflate and leave zlib's frame off (RFC 9110, section 8.4.1.2).
    """
    framed = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return 47 if framed or head[:2] == b"\x1f\x8b" else -15
