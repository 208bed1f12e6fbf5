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

MAX_DIGITS = 18
"""Digits of a length: more than any disk holds."""

PROXYS = (b"proxy-connection", b"proxy-authorization")

_TARGET = re.compile(
    rb"(?P<method>[!-~]+) (?P<scheme>[Hh][Tt][Tt][Pp])://(?P<authority>[^/?#\s]+)(?P<path>\S*) "
    rb"(?P<version>HTTP/1\.[01])\r?\n"
)
_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
"""With the lines that go on with it, as old servers and clients fold them (section 5.2)."""

_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

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


def find_end(data: bytes) -> int | None:
    """The index behind the first head; None where it is not all there."""
    end = _END.search(data, 0, MAX_HEAD)
    return end.end() if end else None


class Upgrade:
    """What a server says to the wish to speak another protocol."""

    def __init__(self) -> None:
        self._said = b""

    def feed(self, data: bytes) -> bool | None:
        """Whether it agrees; None until that is known."""
        self._said += data
        while status := _STATUS.match(self._said):
            if status[1] == b"101" or not status[1].startswith(b"1"):
                return status[1] == b"101"
            end = find_end(self._said)
            if end is None:
                return None if len(self._said) <= MAX_HEAD else False
            self._said = self._said[end:]
        return None if len(self._said) < len("HTTP/1.1 101") else False


class PlainRequest(NamedTuple):
    """A request for another host: `head` as its server gets it, `proxy_head` as a proxy does.

    `login` is what it told this proxy of itself.
    """

    host: str
    port: int
    head: bytes
    proxy_head: bytes
    body: Body
    upgrades: bool
    login: bytes


def parse_plain(head: bytes) -> PlainRequest | None:
    """Read a head (with its blank line); None where it is not `http://` in absolute form.

    Raises ValueError where it is, but cannot be passed on.
    """
    line = _TARGET.match(head)
    if line is None:
        return None
    host, port = _read_authority(line["authority"])
    written: list[bytes] = _FIELD.findall(head, line.end())
    fields = [field for field in written if not _is_proxys(field)]
    path: bytes = line["path"]
    if not path.startswith(b"/"):
        # The server as a whole is `*` to it, whom nobody stands before (section 3.2.4).
        path = b"*" if line["method"] == b"OPTIONS" and not path else b"/" + path
    rest = line[0][line.end("version") :] + b"".join(fields)
    return PlainRequest(
        host,
        port,
        b"%b %b %b" % (line["method"], path, line["version"]) + rest,
        line[0][: line.end("version")] + rest,
        Body(_length(fields)),
        _value(fields, b"upgrade") is not None,
        _value(written, b"proxy-authorization") or b"",
    )


def _read_authority(authority: bytes) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority.decode("latin-1"))
    if found is None or len(found["port"] or "") > 5 or int(found["port"] or 80) > 65535:
        raise ValueError("the address of the request is none")
    host: str = found["v6"] or found["name"]
    labels = host.removesuffix(".").split(".")
    if not host.isascii() or any(not 0 < len(label) < 64 for label in labels):
        raise ValueError("the address of the request names no host")
    return host, int(found["port"] or 80)


def _is_proxys(field: bytes) -> bool:
    return any(_match(field, name) is not None for name in PROXYS)


def _value(fields: list[bytes], name: bytes) -> bytes | None:
    """The values of the fields of that name, as one."""
    found = [value for field in fields if (value := _match(field, name)) is not None]
    return b", ".join(found) if found else None


def _match(field: bytes, name: bytes) -> bytes | None:
    written, colon, value = field.partition(b":")
    return value.strip() if colon and written.strip().lower() == name else None


def _length(fields: list[bytes]) -> int | None:
    """Bytes of the body; None where it is chunked."""
    if coding := _value(fields, b"transfer-encoding"):
        if coding.lower().rpartition(b",")[2].strip() != b"chunked":
            raise ValueError("the end of the request body cannot be told")
        return None
    said = _value(fields, b"content-length")
    if said is None:
        return 0
    # The same one several times is one (section 6.3).
    lengths = {length.strip() for length in said.split(b",")}
    length = lengths.pop()
    if lengths or not length.isdigit() or len(length) > MAX_DIGITS:
        raise ValueError("the length of the request body is no number")
    return int(length)
