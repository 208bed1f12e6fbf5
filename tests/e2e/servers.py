"""Servers that a test stands up: the demo upstream, and sockets that say what the test wants."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from iflow_relay import demo

_direct = build_opener(ProxyHandler({}))


class Demo:
    """The demo upstream in a thread, and what it saw."""

    def __init__(self) -> None:
        ready: Future[demo.DemoServer] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=[ready], name="demo")
        self._thread.start()
        server = ready.result(10)
        self.port: int = server.port
        self.base_url: str = server.base_url

    def requests(self) -> list[dict[str, Any]]:
        """What reached it since `clear`, oldest first."""
        found: list[dict[str, Any]] = self._ask("requests")
        return found

    def headers(self) -> dict[str, str]:
        """The headers of the last request that reached it, names in lower case."""
        return {name.lower(): value for name, value in self.requests()[-1]["headers"]}

    def bodies(self) -> list[Any]:
        """The JSON bodies that reached it."""
        return [json.loads(entry["body"]) for entry in self.requests()]

    def stats(self) -> dict[str, int]:
        """Its counts since it began."""
        found: dict[str, int] = self._ask("stats")
        return found

    def clear(self) -> None:
        """Forget the requests."""
        self._ask("requests", "DELETE")

    def close(self) -> None:
        """End it and its connections."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _ask(self, what: str, method: str = "GET") -> Any:
        request = Request(f"http://127.0.0.1:{self.port}/demo/{what}", method=method)
        with _direct.open(request, timeout=10) as answer:
            return json.load(answer)

    def _run(self, ready: Future[demo.DemoServer]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: Future[demo.DemoServer]) -> None:
        self._stop = asyncio.Event()
        async with await demo.start() as server:
            ready.set_result(server)
            await self._stop.wait()


class Stub:
    """A listening socket; `play` gets each connection, and the connection ends when it returns."""

    def __init__(
        self,
        play: Callable[[socket.socket], None] = lambda connection: None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._play = play
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="stub")]
        self._threads[0].start()

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        """End it and its connections."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=[connection], name="stub-connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with connection, contextlib.suppress(OSError):
            if self._tls is None:
                self._play(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as inner:
                self._play(inner)


@contextlib.contextmanager
def stub(
    play: Callable[[socket.socket], None] = lambda connection: None,
    *,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Stub]:
    """A stub for as long as the block."""
    server = Stub(play, tls=tls)
    try:
        yield server
    finally:
        server.close()


def read_request(connection: socket.socket) -> bytes:
    """One HTTP/1.1 request with a Content-Length or without a body; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(v) for n, _, v in (line.partition(b":") for line in head.split(b"\r\n"))
         if n.lower() == b"content-length"),
        0,
    )  # fmt: skip
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data, body = data + piece, body + piece
    return data


def replies(answer: bytes) -> Callable[[socket.socket], None]:
    """Reads one request, sends these bytes, and hangs up."""

    def play(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(answer)

    return play


def make_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, as a file to trust, and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of its own")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    public, private = folder / "server.pem", folder / "server-key.pem"
    public.write_bytes(pem)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
