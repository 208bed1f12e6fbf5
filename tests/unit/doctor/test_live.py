"""A call that costs tokens: the demo upstream, and answers of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.servers import Demo, read_request, stub

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.demo import KEY
from iflow_relay.doctor.calls import NEW_KEY, open_client
from iflow_relay.doctor.live import MAX_BODY, NO_STREAM, Told, check_live, read_answer
from iflow_relay.doctor.patience import Stopwatch
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.errors import RelayError
from iflow_relay.session import Upstream

MODEL = "qwen3-coder-plus"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo upstream."""
    server = Demo()
    yield server
    server.close()


def call(base_url: str, model: str, key: str = KEY) -> Verdict:
    """What comes of a live call."""
    upstream = Upstream(parse_base_url(base_url), Secret(key), None, {})
    with open_client(upstream, None, lambda: None, "iFlow-Cli") as client:  # type: ignore[arg-type, return-value]
        return check_live(client, upstream, model)


def test_a_model_answers_in_pieces(demo: Demo) -> None:
    """Few tokens are asked for, and what they were is told."""
    demo.clear()
    verdict = call(demo.base_url, MODEL)
    assert str(verdict.status) == "ok"
    assert verdict.found.startswith(f"{MODEL}: first token after ")
    assert verdict.found.endswith(" tokens")
    [body] = demo.bodies()
    assert (body["stream"], body["max_tokens"]) == (True, 8)


FAULTS = {
    "demo:no-usage": ("ok", "pieces"),
    "demo:json-for-stream": ("warning", "in one piece"),
    "demo:empty-stream": ("failure", "is empty"),
    "demo:html-200-sse": ("failure", "web page"),
    "demo:in200-event": ("failure", "434"),
    "demo:error-event=0": ("failure", "demo:error-event=0: "),
    "demo:success-false": ("failure", "demo:success-false: "),
    "demo:status=500": ("failure", "demo:status=500: "),
    "demo:close": ("failure", "demo:close: "),
    "gpt-4o": ("failure", "435"),
}


@pytest.mark.parametrize("model", FAULTS)
def test_an_answer_that_is_none_is_told_for_what_it_is(demo: Demo, model: str) -> None:
    """Also where it hides inside a 200."""
    status, found = FAULTS[model]
    verdict = call(demo.base_url, model)
    assert (str(verdict.status), verdict.advice != "") == (status, status != "ok")
    assert found in verdict.found


def test_a_refused_key_is_not_shown(demo: Demo) -> None:
    """Though the upstream quotes it."""
    verdict = call(demo.base_url, "demo:echo-key")
    assert str(verdict.status) == "failure"
    assert KEY not in verdict.found
    assert "…cdef" in verdict.found
    assert verdict.advice == NEW_KEY
    assert call(demo.base_url, MODEL, "sk-another-key-of-mine").advice == NEW_KEY


def test_an_upstream_that_knows_fewer_fields_is_asked_again() -> None:
    """With another name for the limit, and without what is extra."""
    asked: list[Any] = []

    def play(connection: Any) -> None:
        asked.append(json.loads(read_request(connection).partition(b"\r\n\r\n")[2]))
        known = "max_completion_tokens" in asked[-1]
        body = b'data: {"choices":[{"delta":{"content":"ok"}}]}\n\n' if known else b"{}"
        status = 200 if known else 400
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    with stub(play) as server:
        verdict = call(server.base_url, "m")
    assert verdict.found.endswith(", 1 pieces")
    assert [sorted(set(body) - {"model", "messages", "stream"}) for body in asked] == [
        ["max_tokens", "stream_options"],
        ["max_completion_tokens"],
    ]


def read(*pieces: bytes, times: list[float] | None = None) -> Told:
    """Read these pieces, at these times."""
    clock = iter([0.0, *(times or [0.0] * 100)])
    return read_answer(iter(pieces), Stopwatch(lambda: next(clock)))


def test_the_first_piece_of_the_answer_is_timed() -> None:
    """Comments and empty events before it do not count."""
    told = read(
        b": wait\n\n",
        b'data: {"model":"m","choices":[]}\n\n',
        b'data: {"choices":[{"delta":',
        b'{"content":"ok"}}]}\n\ndata: {"choices":[{"delta":{}}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n',
        b"data: [DONE]\n\n",
        times=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    )
    assert told == Told("m", 5.0, 2, "3 + 1 tokens")


def test_an_answer_without_end_is_cut() -> None:
    """By its length, and by its time."""
    event = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 65536)
    told = read(*[event] * 100)
    assert told.pieces == MAX_BODY // len(event)
    assert read(event, event, times=[1.0, 1.0, 99.0]).pieces == 1


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b"[]", b"7", b"<html>", b"{", b"[" * 99_999])
def test_a_document_without_an_answer_is_an_error(body: bytes) -> None:
    """Whatever else it is."""
    with pytest.raises(RelayError):
        read(body)


def test_an_answer_in_one_piece_is_told(demo: Demo) -> None:
    """It is an answer, and yet not what apps wait for."""
    assert call(demo.base_url, "demo:json-for-stream").advice == NO_STREAM
