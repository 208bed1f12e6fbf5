"""A client's plain requests to a proxy, cut apart without changing a byte that is not a proxy's.

Rules (RFC 9112): a request in absolute form (`GET http://host/path`) is for the host it names. To
the server it goes in origin form, to another proxy as it is; the fields that speak to the proxy
alone (`Proxy-*`) stay here. Bodies are never opened: their framing only tells where the next
request begins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .chunked import Chunked

MAX_HEAD = 256 << 10
"""Bytes of a head that is passed on: more than any server takes."""

_TARGET = re.compile(
    rb"(?P<method>[!-~]+) (?P<scheme>[Hh][Tt][Tt][Pp])://(?P<authority>[^/?# ]+)(?P<path>[^ ]*) "
    rb"(?P<version>HTTP/1\.[01])\r\n"
)
_AUTHORITY = re.compile(
    r"(?:[^@]*@)?(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]@]+))(?::(?P<port>\d*))?"
)


class Body:
    """Where the body of a request ends."""

    def __init__(self, length: int | None) -> None:
        self._left = length or 0
        self._chunked = Chunked() if length is None else None

    @property
    def ended(self) -> bool:
        """Whether all of it came."""
        return self._chunked.ended if self._chunked else not self._left

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """What of the data is the body's, as it came, and what follows; raises ValueError."""
        if self._chunked is None:
            mine = data[: self._left]
            self._left -= len(mine)
        else:
            self._chunked.feed(data)
            if self._chunked.broken:
                raise ValueError(self._chunked.broken)
            mine = data[: len(data) - len(self._chunked.rest)]
        return mine, data[len(mine) :]


class PlainRequest(NamedTuple):
    """A request for another host: `head` as its server gets it, `proxy_head` as a proxy does."""

    host: str
    port: int
    head: bytes
    proxy_head: bytes
    body: Body
    upgrades: bool


def parse_plain(head: bytes) -> PlainRequest | None:
    """Read a head (with its blank line); None where it is not `http://` in absolute form.

    Raises ValueError where it is, but cannot be passed on.
    """
    line = _TARGET.match(head)
    if line is None:
        return None
    authority = _AUTHORITY.fullmatch(line["authority"].decode("latin-1"))
    if authority is None or int(authority["port"] or 80) > 65535:
        raise ValueError("the address of the request is none")
    fields = [f for f in head[line.end() : -2].splitlines(keepends=True) if not _is_proxys(f)]
    path = line["path"]
    target = path if path.startswith(b"/") else b"/" + path
    rest = b"".join(fields) + b"\r\n"
    return PlainRequest(
        authority["v6"] or authority["name"],
        int(authority["port"] or 80),
        b"%b %b %b\r\n%b" % (line["method"], target, line["version"], rest),
        line[0] + rest,
        Body(_length(fields)),
        _value(fields, b"upgrade") is not None,
    )


def _is_proxys(field: bytes) -> bool:
    return field.lower().startswith((b"proxy-connection:", b"proxy-authorization:"))


def _value(fields: list[bytes], name: bytes) -> bytes | None:
    """The value of the last field of that name."""
    found = [value for field in fields if (value := _match(field, name)) is not None]
    return found[-1] if found else None


def _match(field: bytes, name: bytes) -> bytes | None:
    written, colon, value = field.partition(b":")
    return value.strip() if colon and written.lower() == name else None


def _length(fields: list[bytes]) -> int | None:
    """Bytes of the body; None where it is chunked."""
    if coding := _value(fields, b"transfer-encoding"):
        if coding.lower().rpartition(b",")[2].strip() != b"chunked":
            raise ValueError("the end of the request body cannot be told")
        return None
    length = _value(fields, b"content-length") or b"0"
    if not length.isdigit():
        raise ValueError("the length of the request body is no number")
    return int(length)
