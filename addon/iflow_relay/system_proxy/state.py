"""What is set now, whether it is ours, and whether the relay behind it answers."""

from __future__ import annotations

import contextlib
import http.client
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from .address import is_local_pac
from .desktop import Desktop
from .here import find_desktops
from .programs import ProgramFailed
from .snapshot import Entry, Loaded

PATIENCE = 2.0
"""Seconds that a relay on this machine has to answer."""


class Setting(NamedTuple):
    """One desktop's setting; `answers` is None where nobody was asked."""

    desktop: str
    text: str
    pac: str | None = None
    is_ours: bool = False
    answers: bool | None = None

    @property
    def is_stale(self) -> bool:
        """Whether it points to a relay that is gone."""
        return self.answers is False


def read_settings(loaded: Loaded) -> list[Setting]:
    """The settings of every desktop that is in use or in the snapshot; raises ProgramFailed."""
    entries = loaded.snapshot.desktops if loaded.snapshot else {}
    return [
        _look(desktop, entries.get(desktop.name))
        for desktop in find_desktops(os.environ)
        if desktop.in_use or desktop.name in entries
    ]


def is_served(url: str) -> bool | None:
    """Whether a relay serves the PAC file there; None for an address that is no relay's."""
    if not is_local_pac(url):
        return None
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            return answer.status == 200 and b"FindProxyForURL" in answer.read(1 << 16)
        except (OSError, http.client.HTTPException):
            return False


def _look(desktop: Desktop, entry: Entry | None) -> Setting:
    try:
        values = desktop.read()
    except ProgramFailed as error:
        return Setting(desktop.name, str(error))
    pac = desktop.pac(values)
    return Setting(
        desktop.name,
        desktop.describe(values),
        pac,
        entry is not None and pac in entry.urls,
        is_served(pac) if pac else None,
    )
