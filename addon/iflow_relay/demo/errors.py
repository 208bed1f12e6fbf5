"""Errors as iFlow and the machines before it write them, and the faults that answer with one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from ..wire import Head
from .faults import FAULTS, Faults
from .shape import EVENT_STREAM, PHRASES, Answer, End, Step, endless

MESSAGES = {
    434: "Invalid apiKey",
    435: "Model not support",
    438: "apiKey is blocked",
    439: "API Token expired",
    449: "rate limit exceeded",
}

# Constant, so that equal requests have equal answers.
SPRING_TIME = "2026-02-02T00:00:00.000+00:00"

HTML = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>
"""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def render_json(document: Any) -> bytes:
    """Compact JSON with every character written as itself; a lone surrogate becomes `?`."""
    return _encode(document).encode("utf-8", "replace")


def json_answer(document: Any, status: int = 200) -> Answer:
    """An answer of one JSON document."""
    return Answer(status, body=[render_json(document)])


def in_200(code: int) -> dict[str, Any]:
    """The document in which iFlow hides an error under HTTP 200; its status is a string."""
    return {"status": str(code), "msg": MESSAGES.get(code, f"demo error {code}"), "body": None}


def openai_error(message: str, kind: str, code: str | int | None = None) -> dict[str, Any]:
    """An error document in OpenAI's shape."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def spring(status: int, path: str) -> Answer:
    """What the Spring framework answers by itself."""
    document = {
        "timestamp": SPRING_TIME,
        "status": status,
        "error": PHRASES.get(status, "Unknown"),
        "path": path,
    }
    return json_answer(document, status)


def bad_parameter(message: str) -> Answer:
    """A 400 that names what is wrong with the request."""
    return json_answer(openai_error(message, "invalid_request_error"), 400)


def answer_fault(faults: Faults, head: Head) -> Answer | None:
    """The answer that stands in place of the right one, if a fault asks for that."""
    name = faults.first(*ANSWERS)
    return ANSWERS[name](faults, head) if name else None


def _status(faults: Faults, head: Head) -> Answer:
    code = faults.number("status")
    document = openai_error(f"demo error {code}", "demo_error", str(code))
    headers = (("Retry-After", "1"),) if code == 429 else ()
    return Answer(code, body=[render_json(document)], headers=headers)


def _in_200_event(faults: Faults, head: Head) -> Answer:
    document = render_json(in_200(faults.number("in200-event")))
    return Answer(content_type=EVENT_STREAM, body=[b"data:" + document + b"\n\n"], streamed=True)


def _routify(faults: Faults, head: Head) -> Answer:
    inner = {
        "trace_id": "demo-trace",
        "request_id": "demo-request",
        "success": False,
        "status": 400,
        "error_source": "upstream",
        "message": "the input is too long",
    }
    message = "request failed: " + json.dumps({"routify_response": inner})
    return json_answer(openai_error(message, "invalid_request_error", "400"), 400)


def _echo_key(faults: Faults, head: Head) -> Answer:
    message = f"this is no key: {head.fields.get('authorization', '')}"
    return json_answer(openai_error(message, "authentication_error", "invalid_api_key"), 401)


def _html(status: int, kind: str = "text/html") -> Answer:
    return Answer(status, kind, [HTML])


def _raw(*steps: Step) -> Answer:
    return Answer(body=steps, raw=True)


def _endless_head() -> Iterator[Step]:
    line = b"X-Filler: " + b"x" * 1012 + b"\r\n"
    return chain([b"HTTP/1.1 200 OK\r\n"], endless(line), [End.CLOSE])


def _redirect(faults: Faults, head: Head) -> Answer:
    return Answer(307, headers=(("Location", faults.text("redirect")),))


type Answerer = Callable[[Faults, Head], Answer]

_UNORDERED: dict[str, Answerer] = {
    "status": _status,
    "in200": lambda faults, _: json_answer(in_200(faults.number("in200"))),
    "in200-sse": lambda faults, _: Answer(
        content_type=EVENT_STREAM, body=[render_json(in_200(faults.number("in200-sse")))]
    ),
    "in200-event": _in_200_event,
    "success-false": lambda *_: json_answer({"success": False, "message": "demo error"}),
    "error-200": lambda *_: json_answer({"error": {"message": "demo error"}}),
    "spring": lambda _, head: spring(500, head.path),
    "routify": _routify,
    "empty-406": lambda *_: Answer(406),
    "html": lambda *_: _html(502),
    "html-200": lambda *_: _html(200),
    "html-200-sse": lambda *_: _html(200, EVENT_STREAM),
    "redirect": _redirect,
    "echo-key": _echo_key,
    "empty-200": lambda *_: Answer(200),
    "close": lambda *_: _raw(End.CLOSE),
    "silence-head": lambda *_: _raw(End.SILENCE),
    "half-head": lambda *_: _raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev", End.CLOSE),
    "endless-head": lambda *_: Answer(body=_endless_head(), raw=True),
    "garbage": lambda *_: _raw(b"\x16\x03\x01 no HTTP \xff\xfe\r\n\r\n", End.CLOSE),
}

# In the table's order, which decides when two are asked for.
ANSWERS = {name: _UNORDERED[name] for name in FAULTS if name in _UNORDERED}
