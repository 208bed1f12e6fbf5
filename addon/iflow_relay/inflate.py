"""A compressed stream, opened piece by piece for the reader behind it."""

from __future__ import annotations

import zlib

from .errors import RelayError, UpstreamInvalid
from .reader import Reader

PIECE = 1 << 20
"""Bytes that are opened at once, so that a small bomb does not become a large one in memory."""


class Inflating:
    """Opens `gzip` and `deflate`, with or without zlib's frame, and hands on what was inside."""

    def __init__(self, reader: Reader, coding: str) -> None:
        self._reader = reader
        self._coding = coding
        self._open = zlib.decompressobj(wbits=47)
        self._begun = False

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
        out = []
        while data and not self._reader.ended:
            try:
                piece = self._inflate(data)
            except zlib.error:
                out.append(self.fail(UpstreamInvalid("The upstream's compression is damaged.")))
                break
            out.append(self._reader.feed(piece))
            data = self._open.unconsumed_tail
        return b"".join(out)

    def finish(self, *, delimited: bool = True) -> bytes:
        """What the client gets when the upstream has ended the stream."""
        return self._reader.finish(delimited=delimited)

    def fail(self, error: RelayError) -> bytes:
        """What the client gets when the stream breaks off."""
        return self._reader.fail(error)

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._open.decompress(data, PIECE)
        except zlib.error:
            if self._begun:
                raise
            # Some servers call it deflate and leave zlib's frame off (RFC 9110, section 8.4.1.2).
            self._open = zlib.decompressobj(wbits=-15)
            return self._open.decompress(data, PIECE)
        finally:
            self._begun = True
