"""The proxy that a machine had before: CONNECT and plain requests, with or without a login."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Mapping

from tests.e2e.servers import read_request

PLAIN = b"by the other proxy"


class OtherProxy:
    """What a stub plays; it knows some names, and answers plain requests itself."""

    def __init__(self, names: Mapping[str, int], login: str | None = None, refuse: int = 0) -> None:
        self._names = names
        self._login = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
        self._refuse = refuse
        self.heard: list[bytes] = []

    @property
    def lines(self) -> list[str]:
        """The first lines of what it was asked."""
        return [head.split(b"\r\n")[0].decode() for head in self.heard]

    def __call__(self, connection: socket.socket) -> None:
        while head := read_request(connection):
            self.heard.append(head)
            status = self._judge(head)
            if status != 200:
                connection.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            elif head.startswith(b"CONNECT "):
                host = head.split()[1].decode().rpartition(":")[0]
                connection.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
                join(connection, self._names[host])
                return
            else:
                length = b"Content-Length: %d\r\n\r\n" % len(PLAIN)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + PLAIN)

    def _judge(self, head: bytes) -> int:
        if self._login and f"Proxy-Authorization: {self._login}\r\n".encode() not in head:
            return 407
        return self._refuse or 200


def join(one: socket.socket, port: int) -> None:
    """Pass everything on, both ways, until both have ended."""
    with socket.create_connection(("127.0.0.1", port)) as other:
        back = threading.Thread(target=pour, args=[other, one])
        back.start()
        pour(one, other)
        back.join()


def pour(source: socket.socket, target: socket.socket) -> None:
    """Everything, and then the end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
