"""An HTTP/1.1 server in threads of its own that ends whole: nothing of it outlives `close`."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class ThreadedServer(ThreadingHTTPServer):
    """Listens on a free loopback port, with a thread for each connection."""

    daemon_threads = False
    request_queue_size = 1024

    def __init__(self, answering: type[BaseHTTPRequestHandler], owner: object) -> None:
        super().__init__(("127.0.0.1", 0), answering)
        self.owner: Any = owner
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=[0.02], name="server")
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, to end it with the server."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End it, its connections and its threads."""
        self.ending.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self.server_close()


class Answering(BaseHTTPRequestHandler):
    """What every server of ours says and reads in the same way."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ThreadedServer

    def body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """One whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status: int, value: object) -> None:
        """One whole answer, as JSON."""
        self.send(status, json.dumps(value).encode())

    def hang_up(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


class Player:
    """Whoever plays a service on a server of its own, for as long as a block."""

    def __init__(self, answering: type[BaseHTTPRequestHandler]) -> None:
        self.gate = threading.Event()
        """Clear it to have calls wait until it is set again."""
        self.gate.set()
        self._server = ThreadedServer(answering, self)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def close(self) -> None:
        """End it and its connections."""
        self.gate.set()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
