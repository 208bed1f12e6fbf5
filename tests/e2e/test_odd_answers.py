"""Answers that are hardly HTTP, or are HTTP as few servers speak it."""

from __future__ import annotations

import json
import socket
from typing import NamedTuple

import pytest
from tests.e2e.conftest import Aim
from tests.e2e.programs import HELLO
from tests.e2e.servers import read_request, stub
from tests.e2e.wire import Answer, Wire, post, read_error

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\n'
DOCUMENT = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'
TRAILERS = b"0\r\nX-Sum: 1\r\n\r\n"


def head(media: str = "application/json", *fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """An answer's head."""
    return "\r\n".join([status, f"Content-Type: {media}", *fields, "", ""]).encode()


def whole(body: bytes, *fields: str, media: str = "application/json", **more: str) -> bytes:
    """An answer with its length."""
    return head(media, f"Content-Length: {len(body)}", *fields, **more) + body


def chunked(body: bytes, media: str = "application/json") -> bytes:
    """An answer in one chunk, without its end."""
    return head(media, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(body), body)


GOOD = whole(DOCUMENT)
SSE = "text/event-stream"


class Odd(NamedTuple):
    """What an upstream sends, and what the client is told of it; no code where all is well."""

    answer: bytes
    status: int = 200
    code: str | None = None
    stream: bool = False


ODD = {
    "a bare line": Odd(b"hello\r\n\r\n", 502, "upstream_invalid"),
    "HTTP/0.9": Odd(DOCUMENT, 502, "upstream_invalid"),
    "a status that is no number": Odd(b"HTTP/1.1 OK OK\r\n\r\n", 502, "upstream_invalid"),
    "a length that is too long": Odd(
        head("application/json", "Content-Length: 999") + DOCUMENT, 502, "upstream_broken"
    ),
    "a length that is no number": Odd(
        head("application/json", "Content-Length: x") + DOCUMENT, 502, "upstream_invalid"
    ),
    "two lengths": Odd(whole(DOCUMENT, "Content-Length: 3"), 502, "upstream_invalid"),
    "HTTP/1.0": Odd(head(status="HTTP/1.0 200 OK") + DOCUMENT),
    "no reason": Odd(whole(DOCUMENT, status="HTTP/1.1 200 ")),
    "100, then the answer": Odd(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD),
    "103, then the answer": Odd(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD),
    "103, then a stream": Odd(
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + whole(EVENT, media=SSE), stream=True
    ),
    "100, then nothing": Odd(b"HTTP/1.1 100 Continue\r\n\r\n", 502, "upstream_unreachable"),
    "101": Odd(
        b"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        502,
        "upstream_invalid",
    ),
    "trailers": Odd(chunked(DOCUMENT) + TRAILERS),
    "trailers of a stream": Odd(chunked(EVENT, SSE) + TRAILERS, stream=True),
    "a stream of HTTP/1.0": Odd(head(SSE, status="HTTP/1.0 200 OK") + EVENT, stream=True),
    "a stream with a length": Odd(whole(EVENT, media=SSE), stream=True),
    "a stream that calls itself text": Odd(whole(EVENT, media="text/plain"), stream=True),
    "a stream that nobody asked for": Odd(chunked(EVENT, SSE) + b"0\r\n\r\n"),
    "a coding that is unknown": Odd(
        whole(EVENT, "Content-Encoding: br", media=SSE), 502, "upstream_invalid", stream=True
    ),
    "a damaged gzip stream": Odd(
        whole(b"no gzip", "Content-Encoding: gzip", media=SSE), 502, "upstream_invalid", stream=True
    ),
    "a damaged gzip document": Odd(
        whole(b"no gzip", "Content-Encoding: gzip"), 502, "upstream_invalid"
    ),
    "204 to a stream": Odd(b"HTTP/1.1 204 No Content\r\n\r\n", 502, "empty_response", stream=True),
    "205 to a stream": Odd(
        whole(b"", status="HTTP/1.1 205 Reset Content"), 502, "empty_response", stream=True
    ),
    "206": Odd(whole(b"{}", status="HTTP/1.1 206 Part"), 502, "empty_response"),
    "304": Odd(b"HTTP/1.1 304 Not Modified\r\n\r\n", 502, "upstream_invalid"),
    "599": Odd(whole(b"{}", status="HTTP/1.1 599 No"), 599, "upstream_error"),
    "an error in Latin-1": Odd(
        whole(b"Sch\xf6n", media="text/plain", status="HTTP/1.1 500 No"), 500, "upstream_error"
    ),
    "an error that claims to be gzip": Odd(
        whole(b"no gzip", "Content-Encoding: gzip", status="HTTP/1.1 429 No"), 429, "rate_limited"
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_read_or_told(aim: Aim, name: str) -> None:
    """What real servers say is read, the rest is told, and the next call is served."""
    odd = ODD[name]
    played: list[int] = []

    def play(connection: socket.socket) -> None:
        if read_request(connection):
            played.append(1)
            connection.sendall(odd.answer if len(played) == 1 else GOOD)

    with stub(play) as server:
        relay = aim(server.base_url)
        with relay.wire() as wire:
            told = ask(wire, stream=odd.stream)
            check(told, odd)
            if not told.closed:
                assert b"hello" in ask(wire, stream=False).body
        with relay.wire() as wire:
            assert b"hello" in ask(wire, stream=False).body


def ask(wire: Wire, *, stream: bool) -> Answer:
    """One chat call."""
    wire.send(post(json.dumps(HELLO | {"stream": stream}).encode()))
    return wire.answer()


def check(told: Answer, odd: Odd) -> None:
    """Fail unless the client was told what is expected, as a status or in a stream."""
    if odd.stream and odd.code == "empty_response" and told.status == 200:
        # An empty stream is told in a stream, as the design has it.
        assert read_error(told.body.removeprefix(b"data: "))["code"] == odd.code
        return
    assert told.status == odd.status, told
    if odd.code:
        assert told.error["code"] == odd.code
    else:
        assert b"hello" in told.body
        assert b'"error"' not in told.body
