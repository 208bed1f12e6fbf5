"""Which connections and plain requests are the relay's: the one place where that is decided.

Rules:
1. Only virtual hosts are the relay's. Everything else passes as it is.
2. A connection has up to two names: the host that its client asked the proxy for, and the one in
   its TLS ClientHello. If either is a virtual host the connection is the relay's: neither may be
   used to reach the original host behind the other's back.
3. What is decided before any decryption stays decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from .guard import host_of
from .routing import HostPattern


class Decision(NamedTuple):
    """Whether it is the relay's; `name` and `rule` are what made it so."""

    intercepted: bool
    name: str = ""
    rule: HostPattern | None = None


TUNNELLED = Decision(False)


def decide(names: Iterable[str | None], hosts: Iterable[HostPattern]) -> Decision:
    """The decision about a connection with these names (`api.example.com`, `api.example.com:443`).

    >>> str(decide(["API.openai.com:443", None], [HostPattern("api.openai.com", False)]).rule)
    'api.openai.com'
    """
    patterns = tuple(hosts)
    for written in names:
        name = host_of(written) if written else ""
        for pattern in patterns:
            if name and pattern.matches(name):
                return Decision(True, name, pattern)
    return TUNNELLED


class Target(NamedTuple):
    """What somebody asks about: an address, or a host alone; `path` is `/` where none was given."""

    scheme: str
    host: str
    port: int
    path: str


def parse_target(text: str) -> Target:
    """Read `https://api.example.com/v1/models`, `api.example.com:443` or `api.example.com`.

    Raises ValueError in words.
    """
    written = text.strip()
    accepted = "write a host like api.example.com, or an address like https://api.example.com/v1"
    if "://" not in written:
        written = f"https://{written}"
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no address ({error}): {accepted}") from error
    ports = {"http": 80, "ws": 80, "https": 443, "wss": 443}
    if parts.scheme not in ports:
        raise ValueError(f"{text!r} begins with {parts.scheme}://: {accepted}")
    host = host_of(parts.hostname or "")
    if not host or any(letter.isspace() for letter in host):
        raise ValueError(f"{text!r} names no host: {accepted}")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port or ports[parts.scheme], (parts.path or "/") + query)
