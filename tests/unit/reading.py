"""Reads a stream piece by piece as the proxy does, and notes all that a client could tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from iflow_relay.dialects.chat import RULES, Usage
from iflow_relay.dialects.chat_stream import ChatStream
from iflow_relay.errors import RelayError, render_error
from iflow_relay.inflate import Inflating

ALL_RULES = frozenset(RULES)
NO_RULES: frozenset[str] = frozenset()


class Told(NamedTuple):
    """What an error says."""

    status: int
    code: str
    message: str
    type: str


class Got(NamedTuple):
    """What came of a stream: the client's bytes, and what stands in place or at the end of them."""

    out: bytes
    refusal: Told | None = None
    failure: Told | None = None
    usage: Usage = Usage()
    finished: bool = False  # before its end


def tell(error: RelayError | None) -> Told | None:
    """The error as a value that can be compared, once it is shown that it can be rendered."""
    if error is None:
        return None
    body = render_error(error)["error"]
    return Told(error.status, body["code"], body["message"], body["type"])


def read(
    pieces: Iterable[bytes],
    *,
    rules: frozenset[str] = ALL_RULES,
    delimited: bool = True,
    coding: str = "",
) -> Got:
    """Feed the pieces to a stream, then end it."""
    stream = ChatStream(rules, now=lambda: 1.0)
    reader = Inflating(stream, coding) if coding else stream
    out = b"".join([reader.feed(piece) for piece in pieces])
    finished = reader.ended
    out += reader.finish(delimited=delimited)
    assert reader.ended
    return Got(out, tell(reader.refusal), tell(reader.failure), stream.usage, finished)


def bytewise(data: bytes) -> list[bytes]:
    """The data one byte at a time."""
    return [data[i : i + 1] for i in range(len(data))]


def cut(data: bytes, points: Iterable[int]) -> list[bytes]:
    """The data cut at these points."""
    edges = [0, *sorted(points), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]
