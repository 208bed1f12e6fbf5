"""Keys and addresses as values: a secret that never prints itself, a base URL that was checked."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

IFLOW_DOMAINS: Final = ("iflow.cn", "xinliu.ai")
"""Domains that are iFlow's own (source: the CLI's documentation, old and new)."""

DEFAULT_BASE_URL: Final = "https://apis.iflow.cn/v1"


class Secret:
    """A key whose text comes out only through `reveal`; it prints as `sk-…abcd`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the wire alone."""
        return self._value

    @property
    def masked(self) -> str:
        """The key made unusable but recognisable to its owner: its prefix and last four letters."""
        if len(self._value) < 12:
            return "…"
        prefix, dash, _ = self._value.partition("-")
        return f"{prefix + dash if dash and len(prefix) <= 4 else ''}…{self._value[-4:]}"

    def redact(self, text: str) -> str:
        """The text with every copy of the key masked."""
        return text.replace(self._value, self.masked)

    def matches(self, presented: str) -> bool:
        """Whether what a client presented is this key, in constant time."""
        return hmac.compare_digest(self._value.encode(), presented.encode("utf-8", "replace"))

    def __repr__(self) -> str:
        return f"Secret({self.masked})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where the upstream's API begins; `path` has no trailing slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_iflow(self) -> bool:
        """Whether the host is one of iFlow's own."""
        return any(self.host == d or self.host.endswith("." + d) for d in IFLOW_DOMAINS)

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        return is_loopback(self.host)

    @property
    def authority(self) -> str:
        """The value of a Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine; a name is not resolved."""
    if host.rstrip(".").lower() in ("localhost", "localhost.localdomain") or host.lower().endswith(
        ".localhost"
    ):
        return True
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_address(host: str) -> bool:
    """Whether a host is an IP address and not a name."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def parse_base_url(text: str) -> BaseUrl:
    """Read an upstream's base URL; raises ValueError with what is wrong and what is accepted."""
    example = "write it like https://api.example.com/v1"
    cleaned = text.strip()
    if any(c.isspace() or not c.isprintable() for c in cleaned):
        raise ValueError(f"{text!r} has blanks in it: {example}")
    parts = urlsplit(cleaned)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{text!r} is no http:// or https:// address: {example}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} has a port that is none ({error}): {example}") from error
    if not host:
        raise ValueError(f"{text!r} names no host: {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the base URL holds a user name or password: put the key into apiKey")
    if parts.query or parts.fragment:
        raise ValueError(f"{text!r} has a query or fragment: {example}")
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ValueError(f"{text!r} goes too far: leave /chat/completions off")
    if any(segment in (".", "..") for segment in path.split("/")) or "//" in path:
        raise ValueError(f"{text!r} has dot segments or doubled slashes: {example}")
    return BaseUrl(parts.scheme, host.lower(), port or DEFAULT_PORTS[parts.scheme], path)
