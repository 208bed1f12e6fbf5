"""Each fault of the demo upstream's table, and what a client is told of it."""

from __future__ import annotations

import json
from typing import NamedTuple

import httpx2
import pytest
from tests.e2e.asking import DONE, Told, chat
from tests.e2e.programs import Relay
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY
from iflow_relay.demo.faults import FAULTS


class Outcome(NamedTuple):
    """A status and, unless all is well, a code; a stream's error after 200 is its last event."""

    status: int
    code: str | None = None


WELL = Outcome(200)
UNAUTHORIZED = Outcome(401, "upstream_unauthorized")
INVALID = Outcome(502, "upstream_invalid")
ERROR = Outcome(502, "upstream_error")
BROKEN = Outcome(502, "upstream_broken")
GONE = Outcome(502, "upstream_unreachable")
EMPTY = Outcome(502, "empty_response")
SILENT = Outcome(504, "upstream_timeout")


def midway(outcome: Outcome) -> Outcome:
    """The same error where the stream's head and first events are sent already."""
    return outcome._replace(status=200)


SAME_EITHER_WAY = {
    "status": Outcome(500, "upstream_error"),
    "status=200": ERROR,
    "status=304": INVALID,
    "status=400": Outcome(400, "upstream_bad_request"),
    "status=401": UNAUTHORIZED,
    "status=402": Outcome(402, "upstream_payment_required"),
    "status=403": Outcome(403, "upstream_forbidden"),
    "status=404": Outcome(404, "upstream_not_found"),
    "status=429": Outcome(429, "rate_limited"),
    "status=503": Outcome(503, "upstream_error"),
    "in200": UNAUTHORIZED,
    "in200=435": Outcome(404, "upstream_not_found"),
    "in200=438": UNAUTHORIZED,
    "in200=439": UNAUTHORIZED,
    "in200=449": Outcome(429, "rate_limited"),
    "in200=500": ERROR,
    "in200-sse": UNAUTHORIZED,
    "in200-event": UNAUTHORIZED,
    "success-false": ERROR,
    "error-200": ERROR,
    "spring": Outcome(500, "upstream_error"),
    "routify": Outcome(400, "upstream_bad_request"),
    "empty-406": Outcome(406, "upstream_not_acceptable"),
    "html": ERROR,
    "html-200": INVALID,
    "html-200-sse": INVALID,
    "redirect": INVALID,
    "echo-key": Outcome(401, "invalid_api_key"),
    "close": GONE,
    "silence-head": SILENT,
    "half-head": INVALID,
    "endless-head": INVALID,
    "garbage": INVALID,
    "words": WELL,
    "words=0": WELL,
    "size": WELL,
    "reasoning": WELL,
    "calls": WELL,
    "finish": WELL,
    "stop-with-tools": WELL,
    "no-finish": WELL,
    "no-done": WELL,
    "usage-null": WELL,
    "usage-empty": WELL,
    "no-usage": WELL,
    "usage-each": WELL,
    "space": WELL,
    "crlf": WELL,
    "cr": WELL,
    "bom": WELL,
    "comments": WELL,
    "empty-data": WELL,
    "no-final-newline": WELL,
    "no-final-newline, no-done": WELL,
    "silence=0": SILENT,
    "cut=0": BROKEN,
    "eof": WELL,
    "gzip": WELL,
    "deflate": WELL,
    "chunk": WELL,
    "chunk=7, crlf": WELL,
    "chunk, cr": WELL,
    "gzip, chunk": WELL,
    "delay": WELL,
    "ttft": WELL,
    "pause": WELL,
    "slow-read": WELL,
}

WHOLE_AND_STREAMED = {
    "status=204": (EMPTY, midway(EMPTY)),
    "empty-200": (EMPTY, midway(EMPTY)),
    "empty-stream": (EMPTY, midway(EMPTY)),
    "empty-stream, comments": (EMPTY, midway(EMPTY)),
    "no-choices": (EMPTY, INVALID),
    "empty-choices": (EMPTY, midway(EMPTY)),
    "error-event": (WELL, Outcome(200, "demo_error")),
    "error-event=0": (WELL, Outcome(502, "demo_error")),
    "bad-json-event": (WELL, midway(INVALID)),
    "bad-json-event=0": (WELL, INVALID),
    "json-for-stream": (WELL, INVALID),
    "cut": (BROKEN, midway(BROKEN)),
    "cut-event": (BROKEN, midway(BROKEN)),
    "silence": (SILENT, midway(SILENT)),
    "endless-line": (BROKEN, INVALID),
    "bad-chunk": (BROKEN, midway(BROKEN)),
    "eof-cut": (INVALID, midway(BROKEN)),
    "gzip, cut": (BROKEN, midway(BROKEN)),
    "deflate, cut-event": (BROKEN, midway(BROKEN)),
}

CASES = [
    *((fault, stream, o) for fault, o in SAME_EITHER_WAY.items() for stream in (False, True)),
    *((fault, False, whole) for fault, (whole, _) in WHOLE_AND_STREAMED.items()),
    *((fault, True, streamed) for fault, (_, streamed) in WHOLE_AND_STREAMED.items()),
]


def test_every_fault_has_its_outcome() -> None:
    """A fault that is added to the demo upstream is added here too."""
    assert set(FAULTS) <= {fault for fault, _, _ in CASES}


def check(told: Told, stream: bool, expected: Outcome) -> None:
    """Fail unless the client was told what is expected, once, and nothing after it."""
    assert told.status == expected.status, told
    is_stream = stream and expected.status == 200
    assert told.headers["content-type"].startswith(
        "text/event-stream" if is_stream else "application/json"
    )
    if expected.code:
        assert told.error["code"] == expected.code, told
        assert DONE not in told.events
    elif is_stream:
        assert told.events[-1] == DONE
        assert told.events.count(DONE) == 1
        assert all(b"data: " in line for line in told.body.splitlines() if b"data:" in line)
    else:
        assert json.loads(told.body)["choices"]


@pytest.mark.parametrize(("fault", "stream", "expected"), CASES)
def test_a_fault_is_told_in_the_apis_words(
    relay: Relay, impatient_relay: Relay, fault: str, stream: bool, expected: Outcome
) -> None:
    """Over HTTP/1.1; the same connection then serves the next request."""
    asked = impatient_relay if "silence" in fault else relay
    with asked.client() as client:
        check(chat(client, fault, stream=stream), stream, expected)
        assert chat(client).text == "You said: hello"


@pytest.mark.parametrize(("fault", "stream", "expected"), CASES)
def test_a_fault_is_told_in_the_same_words_over_http2(
    relay: Relay, impatient_relay: Relay, fault: str, stream: bool, expected: Outcome
) -> None:
    """Over HTTP/2 and TLS, through the proxy; the same connection serves the next request."""
    asked = impatient_relay if "silence" in fault else relay
    with asked.intercepted() as client:
        told = chat(client, fault, stream=stream)
        check(told, stream, expected)
        assert chat(client).text == "You said: hello"


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_the_upstream_repeats_is_masked(relay: Relay, stream: bool) -> None:
    """Its owner can tell which key was refused; nobody else can use it."""
    with relay.client() as client:
        error = chat(client, "echo-key", stream=stream).error
    assert error["message"] == "this is no key: Bearer sk-…cdef"


@pytest.mark.parametrize("fault", ["space", "crlf", "comments", "usage-each", "chunk", "gzip"])
def test_a_stream_says_the_same_however_it_is_written(relay: Relay, fault: str) -> None:
    """The text does not depend on line ends, pieces or compression."""
    with relay.client() as client:
        assert chat(client, fault, stream=True).text == chat(client, stream=True).text


@pytest.mark.parametrize("fault", ["space", "space, crlf", "space, cr", "space, comments, size"])
def test_a_stream_that_needs_no_repair_keeps_its_bytes(
    relay: Relay, demo: Demo, fault: str
) -> None:
    """Comments, line ends and JSON are the upstream's own."""
    with (
        relay.client() as client,
        httpx2.Client(base_url=demo.base_url, trust_env=False) as direct,
    ):
        ours = {"Authorization": f"Bearer {KEY}"}
        said = chat(direct, fault, stream=True, headers=ours).body
        assert chat(client, fault, stream=True).body == said
