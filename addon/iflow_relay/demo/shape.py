"""From an answer to the steps that play it on a socket, with the faults of the wire put in."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from itertools import chain
from typing import NamedTuple

from .faults import Faults

# Bytes that are written at once, waits aside; a quarter megabyte costs no more system calls than
# more would, and an endless answer never holds more than this.
WRITE_SIZE = 256 * 1024

PHRASES = {status.value: status.phrase for status in HTTPStatus}
BODILESS = {204, 304}
JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class Wait(NamedTuple):
    """Say nothing for so many seconds; with 0 only give the loop a turn."""

    seconds: float


class End(Enum):
    """How a connection ends before its time."""

    CLOSE = "close"
    SILENCE = "silence"


type Step = bytes | Wait | End


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one request; `raw` has a body only, which brings its own head or none."""

    status: int = 200
    content_type: str = JSON
    body: Iterable[Step] = ()
    headers: tuple[tuple[str, str], ...] = ()
    streamed: bool = False
    raw: bool = False


def render_answer(answer: Answer, faults: Faults, *, closes: bool = False) -> Iterator[Step]:
    """The steps that play an answer; neighbouring bytes are joined."""
    before = [Wait(faults.seconds("delay"))] if "delay" in faults else []
    steps = answer.body if answer.raw else _render_http(answer, faults, closes)
    after = [End.CLOSE] if closes or _is_eof(faults) else []
    return _join(chain(before, steps, after))


def _render_http(answer: Answer, faults: Faults, closes: bool) -> Iterator[Step]:
    if answer.status in BODILESS:
        yield render_head(answer.status, answer.headers)
        return
    headers = [("Content-Type", answer.content_type), *answer.headers]
    steps = answer.body
    coding = faults.first("gzip", "deflate")
    if coding:
        headers.append(("Content-Encoding", coding))
        steps = _encode(steps, coding)
    if "chunk" in faults:
        steps = _cut(steps, faults.number("chunk"))
    if _is_eof(faults):
        pass
    elif answer.streamed or faults.first("chunk", "bad-chunk"):
        headers.append(("Transfer-Encoding", "chunked"))
        steps = _frame(steps, broken="bad-chunk" in faults)
    else:
        body = b"".join(step for step in steps if isinstance(step, bytes))
        headers.append(("Content-Length", str(len(body))))
        steps = [body]
    if closes or _is_eof(faults):
        headers.append(("Connection", "close"))
    yield render_head(answer.status, headers)
    if "ttft" in faults:
        yield Wait(faults.seconds("ttft"))
    yield from steps


def render_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A response head up to and with its empty line."""
    lines = [f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _is_eof(faults: Faults) -> bool:
    return faults.first("eof", "eof-cut") is not None


def _encode(steps: Iterable[Step], coding: str) -> Iterator[Step]:
    # RFC 9110, 8.4.1.2: deflate means the zlib format, which is 15 bits; 16 more mean gzip.
    packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    for step in steps:
        if isinstance(step, bytes):
            yield packer.compress(step) + packer.flush(zlib.Z_SYNC_FLUSH)
        else:
            yield step
            if isinstance(step, End):
                return
    yield packer.flush()


def _cut(steps: Iterable[Step], size: int) -> Iterator[Step]:
    for step in steps:
        if not isinstance(step, bytes):
            yield step
            continue
        for start in range(0, len(step), size):
            yield step[start : start + size]
            yield Wait(0)


def _frame(steps: Iterable[Step], *, broken: bool) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, bytes):
            # An empty chunk would end the body.
            if step:
                yield b"%x\r\n%b\r\n" % (len(step), step)
                if broken:
                    break
        else:
            yield step
            if isinstance(step, End):
                return
    if broken:
        yield b"zz\r\n"
        yield End.CLOSE
    yield b"0\r\n\r\n"


def _join(steps: Iterable[Step]) -> Iterator[Step]:
    held: list[bytes] = []
    size = 0
    for step in steps:
        if isinstance(step, bytes):
            held.append(step)
            size += len(step)
            if size < WRITE_SIZE:
                continue
        if held:
            yield b"".join(held)
            held, size = [], 0
        if not isinstance(step, bytes):
            yield step
            if isinstance(step, End):
                return
    if held:
        yield b"".join(held)


def endless(piece: bytes, total: int = 50 * 1024 * 1024) -> Iterator[bytes]:
    """The same piece again and again, bounded so that a client without a limit ends too."""
    for _ in range(total // len(piece)):
        yield piece
