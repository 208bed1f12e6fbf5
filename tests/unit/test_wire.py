"""Requests out of bytes, however they are cut."""

from __future__ import annotations

import pytest

from iflow_relay.wire import MAX_BODY, MAX_HEAD, BadRequest, RequestReader

SIMPLE = b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"POST /b HTTP/1.1\r\nContent-Length: 5\r\nX-A:  1 \r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)


def read(*pieces: bytes) -> list[tuple[str, str, bytes]]:
    reader = RequestReader()
    found = []
    for piece in pieces:
        reader.feed(piece)
        while request := reader.next():
            found.append((request.head.method, request.head.path, request.body))
    assert reader.is_clean
    return found


def test_any_cutting_gives_the_same_requests() -> None:
    """Whole, byte by byte, and cut in two at every place."""
    data = SIMPLE + b"\r\n" + LENGTH + CHUNKED + SIMPLE
    expected = [
        ("GET", "/a", b""),
        ("POST", "/b", b"hello"),
        ("POST", "/c", b"abc0123456789"),
        ("GET", "/a", b""),
    ]
    assert read(data) == expected
    assert read(*(bytes([byte]) for byte in data)) == expected
    for place in range(len(data)):
        assert read(data[:place], data[place:]) == expected


@pytest.mark.parametrize("data", [SIMPLE, LENGTH, CHUNKED])
def test_incomplete_input_is_no_error(data: bytes) -> None:
    """There is no request yet, and something has begun."""
    for place in range(1, len(data)):
        reader = RequestReader()
        reader.feed(data[:place])
        assert reader.next() is None
        assert not reader.is_clean


def test_a_head_keeps_its_pairs_as_they_were_sent() -> None:
    """Names in their own case and order, with doubles; the fields have lower-case names."""
    reader = RequestReader()
    reader.feed(b"GET / HTTP/1.1\r\nB: 1\r\na:2\r\nB:  3 \r\n\r\n")
    request = reader.next()
    assert request
    assert request.head.pairs == (("B", "1"), ("a", "2"), ("B", "3"))
    assert request.head.fields == {"b": "3", "a": "2"}


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: Keep-Alive\r\n", True),
    ],
)
def test_a_connection_is_kept_as_the_client_says(version: str, connection: str, kept: bool) -> None:
    """The default depends on the version."""
    reader = RequestReader()
    reader.feed(f"GET / HTTP/{version}\r\n{connection}\r\n".encode())
    request = reader.next()
    assert request
    assert request.head.keeps_alive is kept


POST = b"POST / HTTP/1.1\r\n"
IN_CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (POST + b"no colon\r\n\r\n", 400),
        (POST + b": no name\r\n\r\n", 400),
        (POST + b"Folded: a\r\n b: c\r\n\r\n", 400),
        (POST + b"Content-Length: x\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (IN_CHUNKS + b"x\r\n", 400),
        (IN_CHUNKS + b"-1\r\n", 400),
        (IN_CHUNKS + b"0x1\r\n", 400),
        (IN_CHUNKS + b"\r\n", 400),
        (IN_CHUNKS + b"1\r\nabc\r\n", 400),
        (IN_CHUNKS + b"%x\r\n" % (MAX_BODY + 1), 413),
        (IN_CHUNKS + b"1" * 5000, 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD, 431),
    ],
)
def test_bytes_that_are_no_request_are_refused(data: bytes, status: int) -> None:
    """With the status that says why."""
    reader = RequestReader()
    reader.feed(data)
    with pytest.raises(BadRequest) as caught:
        reader.next()
    assert caught.value.status == status
