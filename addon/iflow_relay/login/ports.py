"""The port on loopback that a login's callback comes to."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final

from ..errors import LoginRefused

PORTS: Final = range(11451, 11501)
"""The CLI's family of programs takes the first free one of these."""

VARIABLE: Final = "OAUTH_CALLBACK_PORT"
"""The CLI's own."""


def listen(environ: Mapping[str, str], ports: range = PORTS) -> list[socket.socket]:
    """Listening sockets on one port, of 127.0.0.1 and, where there is IPv6, of ::1.

    Raises LoginRefused where no port is free.
    """
    for port in (*_wanted(environ), *ports):
        if sockets := _listen_on(port):
            return sockets
    raise LoginRefused(
        f"The ports from {ports[0]} to {ports[-1]} are all taken, so the browser cannot come back "
        f"by itself: name a free one in {VARIABLE}, or use --no-browser.",
        code="no_callback_port",
    )


def _wanted(environ: Mapping[str, str]) -> Iterator[int]:
    text = environ.get(VARIABLE, "").strip()
    if text:
        if not (text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536):
            raise LoginRefused(f"{VARIABLE} is no port: give a number from 1 to 65535, or nothing.")
        yield int(text)


def _listen_on(port: int) -> list[socket.socket]:
    """The sockets; none where the port is taken in either family."""
    try:
        first = _open(socket.AF_INET, "127.0.0.1", port)
    except OSError:
        return []
    try:
        return [first, _open(socket.AF_INET6, "::1", port)]
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            return [first]  # there is no IPv6 here
        first.close()
        return []


def _open(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Connections of before that are fading do not count as taken.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None):
            listener.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener
