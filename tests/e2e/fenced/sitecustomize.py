"""Ends a program of a test that connects to anything but this machine, or to a forbidden port.

Python imports this by itself where the folder is on PYTHONPATH. FORBIDDEN holds ports.
"""

from __future__ import annotations

import os
import sys
from typing import Any

FENCED = 86
"""The exit status of a program that was ended."""

PORTS = set(map(int, os.environ.get("FORBIDDEN", "").split()))


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return
    host, port = address[:2]
    if host in ("127.0.0.1", "::1", "localhost") and port not in PORTS:
        return
    os.write(2, f"FENCED: a connection to {host}:{port}\n".encode())
    os._exit(FENCED)


sys.addaudithook(_watch)
