"""Tunnels to anywhere, and what clients of TLS say in them first, as bytes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
from tests.e2e.programs import Relay
from tests.e2e.wire import Wire, wire

ECH = 0xFE0D
"""The TLS extension `encrypted_client_hello`."""


@contextlib.contextmanager
def tunnel(relay: Relay, target: str) -> Iterator[Wire]:
    """A tunnel that stands."""
    with wire(relay.proxy_port) as client:
        ask_for_tunnel(client, target)
        yield client


def ask_for_tunnel(client: Wire, target: str) -> None:
    """CONNECT, and no byte of what follows the answer is read."""
    client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.socket.recv(1)
        assert piece, head
        head += piece
    assert b" 200 " in head, head


def count(relay: Relay) -> dict[str, int]:
    """Its connections so far."""
    health = httpx2.get(f"{relay.base_url}/health", trust_env=False).json()
    counted: dict[str, int] = health["connections"]
    return counted


def echo(connection: socket.socket) -> None:
    """Says what it hears, to the end."""
    while data := connection.recv(65536):
        connection.sendall(data)


def unchecked(authority: str | None = None) -> ssl.SSLContext:
    """A client that takes any name in a certificate, and any certificate where none is given."""
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    return context


Send = Callable[[socket.socket, bytes], None]


class Talk:
    """TLS on a connection, with a say in how the ClientHello goes over the wire."""

    def __init__(
        self, connection: socket.socket, context: ssl.SSLContext, name: str | None, send: Send
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._send = send
        self._until_done(self._tls.do_handshake)

    def ask(self, request: bytes) -> bytes:
        """Send a request, and read what comes until it ends."""
        self._until_done(self._tls.write, request)
        told = b""
        while piece := self._until_done(self._tls.read, 65536):
            told += piece
        return told

    def _until_done(self, work: Callable[..., Any], *arguments: object) -> Any:
        while True:
            try:
                result = work(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            except ssl.SSLEOFError:
                return b""
            except ssl.SSLCertVerificationError:
                # The other side is told why.
                self._flush()
                raise
            else:
                self._flush()
                return result

    def _receive(self) -> None:
        if data := self._connection.recv(65536):
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._send(self._connection, data)
            self._send = socket.socket.sendall


def make_hello(name: str | None) -> bytes:
    """A ClientHello."""
    outgoing = ssl.MemoryBIO()
    tls = unchecked().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def with_extension(hello: bytes, kind: int, body: bytes) -> bytes:
    """The ClientHello with one more extension at its end (RFC 8446, section 4.1.2)."""
    at = 9 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    extensions = hello[at + 2 :] + struct.pack("!HH", kind, len(body)) + body
    content = hello[9:at] + struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + len(content).to_bytes(3) + content
    return hello[:3] + struct.pack("!H", len(handshake)) + handshake


def in_records(hello: bytes, size: int) -> bytes:
    """The same handshake message in many records."""
    message = hello[5:]
    pieces = (message[at : at + size] for at in range(0, len(message), size))
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(p)) + p for p in pieces)
