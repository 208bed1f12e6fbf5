"""Who listens on a port of this machine: nobody, a relay, or somebody else."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

PATIENCE: Final = 2.0
"""Seconds that a program on this machine has to answer."""

SERVICE: Final = "iflow-relay"


class Who(Enum):
    """Who answers."""

    NOBODY = "nobody"
    RELAY = "relay"
    STRANGER = "stranger"


class Listener(NamedTuple):
    """Who listens on a port; `health` is what a relay says of itself."""

    who: Who
    health: Mapping[str, Any] = MappingProxyType({})

    @property
    def version(self) -> str:
        """The relay's version, empty where it says none."""
        return str(self.health.get("version") or "")

    @property
    def is_logged_in(self) -> bool:
        """Whether it has all that it needs to serve."""
        return self.health.get("status") == "ok"


def find_listener(host: str, port: int) -> Listener:
    """Ask for `/health`, which each relay answers to everybody on this machine."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError:
            return Listener(Who.NOBODY)
        try:
            connection.request("GET", "/health")
            health = json.loads(connection.getresponse().read(1 << 16))
        except (OSError, ValueError, RecursionError, http.client.HTTPException):
            return Listener(Who.STRANGER)
    if isinstance(health, dict) and health.get("service") == SERVICE:
        return Listener(Who.RELAY, health)
    return Listener(Who.STRANGER)
