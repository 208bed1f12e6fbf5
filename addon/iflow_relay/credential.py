"""Keys and addresses as values: a secret that never prints itself, a base URL that was checked."""

from __future__ import annotations

import hmac
import re
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


def parse_key(text: str) -> Secret:
    """A key as it was pasted, blanks and line ends around it removed.

    Raises ValueError that says what is wrong with it, and never quotes it.
    """
    key = text.strip().strip("\ufeff\u200b").strip()
    if not key:
        raise ValueError("the key is empty")
    if not key.isascii():
        at = next(place for place, letter in enumerate(key, 1) if not letter.isascii())
        raise ValueError(
            f"letter {at} of the key is not plain ASCII, so no header can carry it: copy it again"
        )
    if not key.isprintable() or " " in key:
        raise ValueError("the key has blanks or line ends within it: copy it again, in one piece")
    return Secret(key)


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
        host = bracket(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def bracket(host: str) -> str:
    """The host as it stands before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)
_PORT: Final = re.compile(r"[^:]+|\[[^\]]+\](?::\d*)?|[^:]+:\d*", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine; a name is not resolved."""
    name = host.rstrip(".").lower()
    if name in ("localhost", "localhost.localdomain") or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_address(host: str) -> bool:
    """Whether a host is an IP address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse_base_url(text: str) -> BaseUrl:
    """Read an upstream's base URL; raises ValueError with what is wrong and what is accepted."""
    example = "write it like https://api.example.com/v1"
    cleaned = text.strip()
    if "@" in cleaned:
        # Not quoted: what stands before the @ may be a password.
        raise ValueError(f"it holds a user name or password: put the key into apiKey; {example}")
    if any(c.isspace() or not c.isprintable() for c in cleaned):
        raise ValueError(f"{text!r} has blanks in it: {example}")
    try:
        parts = urlsplit(cleaned)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        what = "port that is none" if "ort" in str(error) else "host that is none"
        raise ValueError(f"{text!r} has a {what}: {example}") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{text!r} is no http:// or https:// address: {example}")
    if not host:
        raise ValueError(f"{text!r} names no host: {example}")
    if port == 0 or not _PORT.fullmatch(parts.netloc):
        raise ValueError(f"{text!r} has a port that is none: {example}")
    if not (is_address(host) or _HOST.fullmatch(host)):
        raise ValueError(f"{text!r} has a host that is none (xn--… for other letters): {example}")
    if parts.query or parts.fragment:
        raise ValueError(f"{text!r} has a query or fragment: {example}")
    return BaseUrl(
        parts.scheme, host.lower(), port or DEFAULT_PORTS[parts.scheme], _check_path(parts.path)
    )


def _check_path(path: str) -> str:
    """The path without slashes at its end; raises ValueError where it is no base of an API."""
    path = path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ValueError(f"{path!r} goes too far: leave /chat/completions off")
    if any(segment in (".", "..") for segment in path.split("/")) or "//" in path:
        raise ValueError(f"{path!r} has dot segments or doubled slashes")
    return path
