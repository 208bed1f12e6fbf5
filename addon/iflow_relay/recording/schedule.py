"""When the pieces of a recorded answer are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from ..pacing import Piece


class Due(NamedTuple):
    """Some bytes of a body, and the seconds after the request at which they go out."""

    at: float
    data: bytes


def make_schedule(body: bytes, pieces: Iterable[Piece], speed: float) -> tuple[Due, ...]:
    """The body in its pieces, at `speed` times their pace (0: all at once).

    At least one piece, which may be empty: the head goes out with it. What the pieces leave of the
    body goes with the last.
    """
    parts = list(_cut(body, pieces, speed)) or [Due(0.0, b"")]
    rest = body[sum(len(part.data) for part in parts) :]
    parts[-1] = Due(parts[-1].at, parts[-1].data + rest)
    return tuple(_joined(parts))


def _cut(body: bytes, pieces: Iterable[Piece], speed: float) -> Iterator[Due]:
    at, begin = 0.0, 0
    for pause, length in pieces:
        at += pause / speed if speed else 0.0
        yield Due(at, body[begin : begin + length])
        begin += length


def _joined(parts: Iterable[Due]) -> Iterator[Due]:
    """What is due at one moment, as one piece."""
    for at, group in groupby(parts, key=lambda part: part.at):
        yield Due(at, b"".join(part.data for part in group))
