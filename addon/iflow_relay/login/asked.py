"""What a browser asks the callback's listener, read from the head of its request."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from ..credential import is_loopback


class Asked(NamedTuple):
    """As much of a request as matters; the query is not in its repr, as it holds a code."""

    method: str
    path: str
    query: str
    host: str
    language: str

    @property
    def is_local(self) -> bool:
        """Whether it was asked for by a name of this machine, and not by one that leads here."""
        try:
            name = urlsplit(f"//{self.host}").hostname
        except ValueError:
            return False
        return name is not None and is_loopback(name)

    def __repr__(self) -> str:
        return f"Asked({self.method!r}, {self.path!r})"


def parse_head(head: bytes) -> Asked:
    """Read it; what makes no sense asks for nothing that there is."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.rpartition(" ")
    path, _, query = target.partition("?")
    if not version.startswith("HTTP/1."):
        path = ""
    parts = (line.partition(":") for line in lines)
    fields = [(name.lower(), value.strip()) for name, _, value in parts]
    hosts = [value for name, value in fields if name == "host"]
    languages = [value for name, value in fields if name == "accept-language"]
    host = hosts[0] if len(hosts) == 1 else ""
    return Asked(method, path, query, host, ",".join(languages))
