"""Lets the programs of a test find some names at servers of the test's own.

Python imports this by itself where the folder is on PYTHONPATH. RESOLVE_TO holds `name=port` words.
"""

from __future__ import annotations

import os
import socket
from typing import Any

PORTS = dict(word.split("=") for word in os.environ.get("RESOLVE_TO", "").split())

_look_up = socket.getaddrinfo


def _find(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """The test's server, whatever port was asked for; else what the system says."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in PORTS:
        host, port = "127.0.0.1", int(PORTS[name])
    return _look_up(host, port, *rest, **more)


socket.getaddrinfo = _find
