"""The faults and shapes that a caller can ask for: one table, and the parser for it.

They are asked for with a header `x-demo: name[=value][, name…]`, or with a model
`demo:name[=value][,name…]`. They combine wherever that makes sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

HEADER = "x-demo"
MODEL_PREFIX = "demo:"


class Kind(Enum):
    """What stands behind the equals sign."""

    FLAG = ""
    COUNT = "N"
    SECONDS = "S"
    TEXT = "X"


class Fault(NamedTuple):
    """One entry: its line of documentation, the default value, and the bounds of a number."""

    doc: str
    kind: Kind = Kind.FLAG
    default: float | str = 1
    low: int = 0
    high: int = 100_000


def _status(doc: str, default: int) -> Fault:
    return Fault(doc, Kind.COUNT, default, 200, 599)


def _count(doc: str, default: int, high: int = 100_000) -> Fault:
    return Fault(doc, Kind.COUNT, default, 0, high)


def _seconds(doc: str, default: float) -> Fault:
    return Fault(doc, Kind.SECONDS, default, 0, 3600)


FAULTS: Mapping[str, Fault] = {
    # Another answer in place of the right one.
    "status": _status("HTTP status N with an OpenAI-shaped error; 429 has Retry-After", 500),
    "in200": _status('HTTP 200 with {"status":"N","msg":…,"body":null}, streamed or not', 434),
    "in200-sse": _status("the document of in200, called text/event-stream", 434),
    "in200-event": _status("the document of in200 inside a first data: event", 434),
    "success-false": Fault('HTTP 200 with {"success":false,"message":…}'),
    "error-200": Fault('HTTP 200 with {"error":{"message":…}}'),
    "spring": Fault("HTTP 500 with a Spring error document"),
    "routify": Fault("HTTP 400 whose error.message holds an escaped routify_response"),
    "empty-406": Fault("HTTP 406 with an empty body"),
    "html": Fault("HTTP 502 with a page of HTML"),
    "html-200": Fault("HTTP 200 with a page of HTML"),
    "html-200-sse": Fault("HTTP 200 with a page of HTML, called text/event-stream"),
    "redirect": Fault("HTTP 307 to X", Kind.TEXT, "http://elsewhere.invalid/v1/chat/completions"),
    "echo-key": Fault("HTTP 401 whose message quotes the Authorization that came in"),
    "empty-200": Fault("HTTP 200, application/json, without a body"),
    # No whole HTTP answer at all.
    "close": Fault("closes the connection without an answer"),
    "silence-head": Fault("takes the request and never says anything"),
    "half-head": Fault("closes in the middle of the response head"),
    "endless-head": Fault("header lines until the client hangs up, or 50 MB"),
    "garbage": Fault("bytes that are no HTTP, then closes"),
    # What the events of a stream say.
    "words": _count("the answer has N content events", 20),
    "size": _count("the answer's text has about N bytes", 10_000, 50_000_000),
    "reasoning": Fault("reasons first, whatever the model"),
    "calls": _count("calls N tools at once, made-up ones if the request has too few", 2, 100),
    "finish": Fault("finish_reason X", Kind.TEXT, "network_error"),
    "stop-with-tools": Fault("calls a tool and yet says finish_reason stop"),
    "no-finish": Fault("finish_reason is never told"),
    "no-done": Fault("the stream ends without [DONE]"),
    "usage-null": Fault("usage is null, in a stream on each chunk"),
    "usage-empty": Fault("usage is {}, in a stream on the last chunk"),
    "no-usage": Fault("no usage, even if it was asked for"),
    "usage-each": Fault("each chunk of a stream has the usage so far"),
    "no-choices": Fault("a chunk or an answer without choices"),
    "empty-choices": Fault("a chunk or an answer whose choices are []"),
    "error-event": _count("an error event after N content events, then [DONE]", 1),
    "bad-json-event": _count("an event of broken JSON after N content events, then the rest", 1),
    "empty-stream": Fault("a stream (or an answer) without a single byte"),
    "json-for-stream": Fault("answers a streamed request with one JSON document"),
    # How a stream is written.
    "space": Fault("writes 'data: ' with the space, as other servers do"),
    "crlf": Fault("lines of a stream end in CR LF"),
    "cr": Fault("lines of a stream end in CR"),
    "bom": Fault("the body begins with a byte order mark"),
    "comments": Fault("a line ': keep-alive' before each event"),
    "empty-data": Fault("an event with empty data before each event"),
    "no-final-newline": Fault("the last event ends without any line end"),
    # How a body ends.
    "cut": _count("N content events, then the connection is cut inside the chunked body", 1),
    "cut-event": _count("the connection is cut in the middle of the event after N", 1),
    "silence": _count("N content events, then nothing more; 0: the head only", 1),
    "endless-line": Fault("a stream whose first data line goes on, until hang-up or 50 MB"),
    "bad-chunk": Fault("a chunk size that is no number, then closes"),
    "eof": Fault("neither length nor chunks: the body ends with the connection"),
    "eof-cut": _count("like eof, but ends after N content events", 1),
    # How fast, and in what pieces.
    "gzip": Fault("Content-Encoding gzip, flushed after each event"),
    "deflate": Fault("Content-Encoding deflate, flushed after each event"),
    "chunk": Fault("the body in N-byte pieces, each a chunk and a write of its own",
                   Kind.COUNT, 1, 1, 10_000_000),
    "delay": _seconds("S seconds before the head", 0.1),
    "ttft": _seconds("S seconds between the head and the first byte of the body", 0.1),
    "pause": _seconds("S seconds between events", 0.02),
    "slow-read": _seconds("waits S seconds after each read of the request body; header only", 0.05),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Faults:
    """What one request asked for."""

    values: Mapping[str, float | str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __or__(self, other: Faults) -> Faults:
        return Faults({**self.values, **other.values})

    def first(self, *names: str) -> str | None:
        """The first of these names that was asked for."""
        return next((name for name in names if name in self.values), None)

    def number(self, name: str) -> int:
        """The whole number that was given to `name`, else 0."""
        return int(self.values.get(name, 0))

    def seconds(self, name: str) -> float:
        """The seconds that were given to `name`, else 0."""
        return float(self.values.get(name, 0))

    def text(self, name: str) -> str:
        """The text that was given to `name`, else the empty one."""
        return str(self.values.get(name, ""))


def parse_faults(text: str) -> Faults:
    """Read `pause=0.02, words=200`; raises ValueError that says what is accepted."""
    parts = [part.strip() for part in text.split(",")]
    return Faults(dict(_parse_fault(part) for part in parts if part))


def _parse_fault(part: str) -> tuple[str, float | str]:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    fault = FAULTS.get(name)
    if fault is None:
        raise ValueError(f"there is no fault {name!r}: use one of {', '.join(FAULTS)}")
    return name, _parse_value(name, fault, value) if equals else fault.default


def _parse_value(name: str, fault: Fault, value: str) -> float | str:
    if fault.kind is Kind.TEXT:
        return value
    if fault.kind is Kind.FLAG:
        raise ValueError(f"{name} takes no value")
    try:
        number = int(value) if fault.kind is Kind.COUNT else float(value)
    except ValueError:
        raise ValueError(f"{name}={value} needs a number") from None
    if not fault.low <= number <= fault.high:
        raise ValueError(f"{name}={value} is not between {fault.low} and {fault.high}")
    return number


def render_table() -> str:
    """The table for a terminal, one fault a line."""
    return "\n".join(f"{_usage(name, fault):<20} {fault.doc}" for name, fault in FAULTS.items())


def _usage(name: str, fault: Fault) -> str:
    return f"{name}={fault.kind.value}" if fault.kind.value else name
