"""When the pieces of an answer came: noted on the way, written as a short text, read again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_PIECES = 20_000
"""Pieces that are noted of one answer; what comes after them counts as part of the last."""


class Piece(NamedTuple):
    """Some bytes of a body, and the seconds that went by before they came."""

    pause: float
    length: int


class Pacing:
    """Notes each piece as it goes to the client; `begun` in seconds on a steady clock."""

    def __init__(self, begun: float) -> None:
        self._last = begun
        self._pieces: list[Piece] = []
        self._rest = 0

    def note(self, now: float, length: int) -> None:
        """So many bytes have gone out."""
        if len(self._pieces) >= MAX_PIECES:
            self._rest += length
            return
        self._pieces.append(Piece(now - self._last, length))
        self._last = now

    def render(self) -> str:
        """Milliseconds and bytes of each piece, like `412.0+187 20.1+53`."""
        pieces = self._pieces
        if self._rest:
            last = pieces[-1]
            pieces = [*pieces[:-1], Piece(last.pause, last.length + self._rest)]
        return " ".join(f"{pause * 1000:.1f}+{length}" for pause, length in pieces)


def parse_pacing(text: str) -> tuple[Piece, ...]:
    """The pieces of a rendered text; none where it is not one."""
    try:
        return tuple(_read(text))
    except ValueError:
        return ()


def _read(text: str) -> Iterator[Piece]:
    for word in text.split():
        pause, mark, length = word.partition("+")
        piece = Piece(float(pause) / 1000, int(length))
        if not (mark and 0 <= piece.pause < float("inf") and piece.length >= 0):
            raise ValueError(word)
        yield piece
