"""A client that sends any bytes at all, and reads answers as a strict one does."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import h11


class Answer(NamedTuple):
    """One answer; header names in lower case. `closed` if the connection ended with it."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool

    @property
    def error(self) -> dict[str, Any]:
        """The error in OpenAI's shape; fails where it is none."""
        assert self.headers["content-type"] == "application/json", self
        return read_error(self.body)


def read_error(body: bytes | str) -> dict[str, Any]:
    """The error object of a body; fails where it has another shape than OpenAI's."""
    document = json.loads(body)
    assert set(document) == {"error"}, document
    error: dict[str, Any] = document["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str), error
    assert error["message"].strip(), error
    assert isinstance(error["code"], str), error
    return error


class Wire:
    """A connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._rest = b""
        self._ended = False

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def stop_sending(self) -> None:
        """Half-close: what the other side reads ends here."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "POST") -> Answer:
        """Read the answer to a request of this method; fails where it is no HTTP/1.1."""
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        reader.send(h11.EndOfMessage())
        head: h11.Response | None = None
        body = b""
        self._feed(reader)
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                self._receive(reader)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("no answer, and the connection is closed")
        assert head is not None
        self._rest, _ = reader.trailing_data
        headers = {n.decode().lower(): v.decode("latin-1") for n, v in head.headers}
        old = head.http_version == b"1.0" and headers.get("connection") != "keep-alive"
        closed = self._ended or old or headers.get("connection") == "close"
        return Answer(head.status_code, headers, body, closed)

    def read_until(self, marker: bytes) -> bytes:
        """Everything up to these bytes, at least."""
        while marker not in self._rest:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(f"ended before {marker!r}: {self._rest[-200:]!r}")
            self._rest += piece
        data, self._rest = self._rest, b""
        return data

    def is_closed(self) -> bool:
        """Whether the other side ends the connection without another byte."""
        try:
            return not self._rest and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _feed(self, reader: h11.Connection) -> None:
        if self._rest:
            reader.receive_data(self._rest)
            self._rest = b""
        elif self._ended:
            reader.receive_data(b"")

    def _receive(self, reader: h11.Connection) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._ended = not data
        reader.receive_data(data)


@contextmanager
def wire(port: int, timeout: float = 10) -> Iterator[Wire]:
    """A connection to a port of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        yield Wire(connection)


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """A POST request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
