"""Which relays run on this machine: each leaves a note while it does, and answers to its name.

A note alone proves nothing, as a relay that was killed leaves it behind and its process id may be
somebody else's by now. So the relay itself is asked, and the note of one that is gone is removed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import platformdirs

from .credential import is_loopback
from .files import replace_file

PRIVATE = "IFLOW_RELAY_PRIVATE"
"""Set in the environment of a relay that serves one program alone."""

PATIENCE = 2.0
"""Seconds that a relay on this machine has to say that it is there."""


class Presence(NamedTuple):
    """A relay that runs; `endpoint` and `proxy` are addresses like `http://127.0.0.1:8000`."""

    pid: int
    instance: str
    endpoint: str | None
    proxy: str | None
    hosts: tuple[str, ...]
    confdir: str
    private: bool = False
    """Whether it serves one program alone, so that nobody else should use it."""
    keyed: bool = False
    """Whether its clients have to present a key of its own."""
    began: float = 0.0
    """When it began, in seconds since 1970."""


def announce(presence: Presence) -> Path:
    """Leave a note that this relay runs; returns where, for whoever takes it away again."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{presence.instance}.json"
    replace_file(path, json.dumps(presence._asdict()).encode())
    return path


def find_running() -> list[Presence]:
    """The relays that run and answer, the newest first; private ones are left out."""
    found = [presence for path in sorted(_folder().glob("*.json")) if (presence := _look(path))]
    return sorted((p for p in found if not p.private), key=lambda p: p.began, reverse=True)


def find_by_process(pid: int) -> Presence | None:
    """The relay that runs as this process, private or not, by its note alone."""
    for path in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            if (presence := _read(path)).pid == pid:
                return presence
    return None


def ask_health(presence: Presence) -> dict[str, Any] | None:
    """What the relay says of itself; None where it does not answer, or somebody else does.

    Raises ConnectionRefusedError where nobody is there.
    """
    address, target = presence.endpoint, "/health"
    if address is None:
        address, target = presence.proxy, "http://iflow.internal/health"
    parts = urlsplit(address or "")
    if not parts.hostname or not is_loopback(parts.hostname):
        return None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.request("GET", target)
            health = json.loads(connection.getresponse().read(1 << 16))
        except ConnectionRefusedError:
            raise
        except (OSError, ValueError, http.client.HTTPException):
            return None
    is_it = isinstance(health, dict) and health.get("instance") == presence.instance
    return health if is_it else None


def _folder() -> Path:
    return platformdirs.user_state_path("iflow-relay") / "running"


def _look(path: Path) -> Presence | None:
    """The relay of a note, if it still runs; the note of one that does not is taken away."""
    try:
        presence = _read(path)
        if ask_health(presence):
            return presence
        gone = not _is_silent(presence)
    except (ConnectionRefusedError, ValueError):
        gone = True
    except OSError:
        return None
    if gone:
        path.unlink(missing_ok=True)
    return None


def _read(path: Path) -> Presence:
    """Raises ValueError for a note that is none."""
    try:
        presence = Presence(**json.loads(path.read_text("utf-8")))
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
    return presence._replace(hosts=tuple(presence.hosts))


def _is_silent(presence: Presence) -> bool:
    """Whether its process may still be there: stopped, or busy."""
    if os.name != "posix":
        return True
    try:
        os.kill(presence.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
