"""HTTP/1.1 requests from bytes, without I/O.

Rules (RFC 9112): a head ends with an empty line; then comes a body of Content-Length bytes, or
one in chunks, or none. Incomplete input is normal. Anything else raises BadRequest, after which
the connection cannot go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

# A client's header of 64 KB has to arrive here, so that whoever is in front decides about it.
MAX_HEAD = 256 * 1024
# Images in base64 are tens of megabytes; this only keeps a runaway client from filling memory.
MAX_BODY = 256 * 1024 * 1024
MAX_CHUNK_LINE = 4096
MAX_DIGITS = 20


class BadRequest(ValueError):
    """Bytes that are no HTTP/1.1 request, with the status to answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """A request head; `fields` has lower-case names, `length` is None for a chunked body."""

    raw: bytes
    method: str
    target: str
    version: str
    pairs: tuple[tuple[str, str], ...]
    fields: dict[str, str]
    length: int | None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client will use the connection again."""
        wish = self.fields.get("connection", "").lower()
        return "keep-alive" in wish if self.version == "HTTP/1.0" else "close" not in wish


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request."""

    head: Head
    body: bytes


@lru_cache(maxsize=64)
def parse_head(raw: bytes) -> Head:
    """Read a head up to and with its empty line; load clients send the same one again and again."""
    lines = raw.decode("latin-1").split("\r\n")[:-2]
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(400, "no HTTP/1.1 request line")
    pairs = tuple(_parse_field(line) for line in lines[1:])
    fields = {name.lower(): value for name, value in pairs}
    method, target, version = words
    return Head(raw, method, target, version, pairs, fields, _body_length(fields))


def _parse_field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise BadRequest(400, "a header line without a name")
    return name, value.strip()


def _body_length(fields: dict[str, str]) -> int | None:
    if "transfer-encoding" in fields:
        if fields["transfer-encoding"].lower() != "chunked":
            raise BadRequest(501, "a transfer coding other than chunked")
        return None
    text = fields.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400, "a content-length that is no number")
    # Python reads no number of thousands of digits.
    if len(text) > MAX_DIGITS or int(text) > MAX_BODY:
        raise BadRequest(413, "a body that is too large")
    return int(text)


class RequestReader:
    """Requests out of the bytes of one connection."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._buffer = bytearray()
        self._body = bytearray()
        self._in_trailer = False

    @property
    def is_clean(self) -> bool:
        """Whether the next byte would begin a request."""
        return self.head is None and not self._buffer

    def feed(self, data: bytes) -> None:
        """Take in what the connection brought."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, or None if bytes of it are still to come."""
        if self.head is None:
            self.head = self._take_head()
        head = self.head
        if head is None:
            return None
        body = self._take_chunked() if head.length is None else self._take(head.length)
        if body is None:
            return None
        self.head = None
        return Request(head, body)

    def _take_head(self) -> Head | None:
        # RFC 9112, 2.2: ignore an empty line before the request line.
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end >= 0:
            return parse_head(self._take(end + 4) or b"")
        if len(self._buffer) >= MAX_HEAD:
            raise BadRequest(431, "a head that is too large")
        return None

    def _take(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        taken = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return taken

    def _take_chunked(self) -> bytes | None:
        while not self._in_trailer:
            if not self._take_chunk():
                return None
        while (line := self._take_line()) is not None:
            if not line:
                body, self._body, self._in_trailer = bytes(self._body), bytearray(), False
                return body
        return None

    def _take_chunk(self) -> bool:
        end = self._buffer.find(b"\r\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            return self._refuse_long_line()
        size = _parse_chunk_size(bytes(self._buffer[:end]))
        if len(self._body) + size > MAX_BODY:
            raise BadRequest(413, "a body that is too large")
        if size == 0:
            del self._buffer[: end + 2]
            self._in_trailer = True
            return True
        stop = end + 2 + size
        if len(self._buffer) < stop + 2:
            return False
        if self._buffer[stop : stop + 2] != b"\r\n":
            raise BadRequest(400, "a chunk longer than its size")
        self._body += memoryview(self._buffer)[end + 2 : stop]
        del self._buffer[: stop + 2]
        return True

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            self._refuse_long_line()
            return None
        return (self._take(end + 2) or b"")[:-2]

    def _refuse_long_line(self) -> bool:
        if len(self._buffer) >= MAX_CHUNK_LINE:
            raise BadRequest(400, "a chunk line that does not end")
        return False


def _parse_chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    # Not left to int(): that takes a sign, underscores and 0x as well.
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadRequest(400, "a chunk size that is no number")
    return int(digits, 16)
