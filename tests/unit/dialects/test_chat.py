"""Chat completions: what a request asks, what a whole answer holds, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.reading import ALL_RULES, NO_RULES

from iflow_relay.dialects.chat import (
    NO_CHOICES,
    Usage,
    choices_of,
    fix_finish_reason,
    parse_chat,
    read_completion,
    read_usage,
)
from iflow_relay.errors import InvalidRequest, RelayError

MESSAGES: list[dict[str, str]] = [{"role": "user", "content": "河"}]


def request(**fields: Any) -> bytes:
    return json.dumps({"messages": MESSAGES, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "model", "stream"),
    [
        ({"model": "m"}, "m", False),
        ({"model": "m", "stream": True}, "m", True),
        ({"model": "m", "stream": False}, "m", False),
        ({"model": "m", "stream": None}, "m", False),
        ({"model": "m", "stream": "true"}, "m", False),
        ({"model": None}, "", False),
        ({}, "", False),
    ],
)
def test_a_request_says_model_and_stream(fields: dict[str, Any], model: str, stream: bool) -> None:
    """The rest is between the client and the upstream."""
    chat = parse_chat(request(**fields))
    assert (chat.model, chat.stream) == (model, stream)


def test_a_list_of_messages_may_be_empty() -> None:
    """The upstream knows better what it takes."""
    assert parse_chat(b'{"messages": []}').model == ""


def test_another_model_is_put_in_and_the_rest_stays() -> None:
    """Fields that the relay does not know go up too, in their order."""
    body = request(model="a", tools=[], x={"n": 1.5})
    document = json.loads(parse_chat(body).with_model("b"))
    assert document == json.loads(body) | {"model": "b"}
    assert list(document) == ["messages", "model", "tools", "x"]
    assert json.loads(parse_chat(b'{"messages": []}').with_model("b"))["model"] == "b"


def test_another_model_goes_with_half_an_emoji() -> None:
    r"""JavaScript's `slice` cuts emoji in two, and JSON can say so (`\ud83d`)."""
    body = parse_chat(rb'{"messages": [{"content": "\ud83d"}]}').with_model("b")
    assert json.loads(body)["messages"] == [{"content": "\ud83d"}]


@pytest.mark.parametrize(
    ("body", "code", "says", "param"),
    [
        (b"", "invalid_json", "no body", None),
        (b" \n", "invalid_json", "no body", None),
        (b"{", "invalid_json", "line 1, column 2", None),
        (b"model=m", "invalid_json", "no JSON", None),
        (b'{"messages": [}', "invalid_json", "no JSON", None),
        (b'{"messages": ["\xff"]}', "invalid_json", "not valid UTF-8", None),
        (b'{"messages":' + b"[" * 200_000, "invalid_json", "nested too deeply", None),
        (b'{"messages": [' + b"9" * 5000 + b"]}", "invalid_json", "no JSON", None),
        (b"[]", "invalid_request", "not an object", None),
        (b'"hi"', "invalid_request", "not an object", None),
        (b"null", "invalid_request", "not an object", None),
        (b"{}", "invalid_request", "no list of messages", "messages"),
        (b'{"messages": "hi"}', "invalid_request", "no list of messages", "messages"),
        (b'{"messages": null}', "invalid_request", "no list of messages", "messages"),
        (b'{"messages": [], "model": 5}', "invalid_request", "model is not a text", "model"),
        (b'{"messages": [], "model": ["m"]}', "invalid_request", "model is not a text", "model"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_request_that_is_none_is_refused(
    body: bytes, code: str, says: str, param: str | None
) -> None:
    """The message says what is wrong, and nothing of it is sent."""
    with pytest.raises(RelayError) as caught:
        parse_chat(body)
    error = caught.value
    assert (error.status, error.code, error.param) == (400, code, param)
    assert says in error.message


GOOD = b'{"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]\n}'
CALLS = b'{"choices": [{"index": 0, "message": {"tool_calls": [1]}, "finish_reason": "stop"}]}'


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        b"\n " + GOOD,
        b'{"choices": [{"message": {"content": null, "reasoning_content": "hm"}}]}',
        b'{"choices": [{"message": {"content": ""}, "finish_reason": "length"}], "usage": null}',
        b'{"choices": [{"text": "old"}], "error": null}',
        b'{"choices": [{"message": {"tool_calls": []}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"tool_calls": null}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "\\ud83d"}, "finish_reason": "stop"}]}',
        b'{"choices": [null, "x", 1]}',
        b'{"choices": [{"message": "x", "finish_reason": "stop"}]}',
        b'{"choices": [{"index": [], "message": {}, "finish_reason": "stop"}]}',
    ],
)
def test_an_answer_that_needs_nothing_is_the_bytes_it_was(body: bytes) -> None:
    """Blanks, order and escapes are the upstream's."""
    assert read_completion(body, ALL_RULES).body == body


def test_stop_becomes_tool_calls_where_tools_are_called() -> None:
    """Clients look at the reason to know whether to run a tool."""
    body = json.loads(read_completion(CALLS, ALL_RULES).body)
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["choices"][0]["message"] == {"tool_calls": [1]}


def test_a_changed_answer_may_hold_half_an_emoji() -> None:
    """A model that is cut off by `max_tokens` ends in the middle of one."""
    body = CALLS.replace(b'"tool_calls"', rb'"content": "\ud83d", "tool_calls"')
    message = json.loads(read_completion(body, ALL_RULES).body)["choices"][0]["message"]
    assert message["content"] == "\ud83d"


@pytest.mark.parametrize("body", [GOOD, CALLS, b"{}", b"[]", b'{"error": "x"}', b'{"choices": []}'])
def test_without_rules_an_answer_passes(body: bytes) -> None:
    """Whoever switches the rules off gets what the upstream says."""
    assert read_completion(body, NO_RULES).body == body


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b"", 502, "empty_response", "nothing in it"),
        (b"\n", 502, "empty_response", "nothing in it"),
        (b"<html>", 502, "upstream_invalid", "web page"),
        (b"hello", 502, "upstream_invalid", "no JSON"),
        (b"\xff\xff", 502, "upstream_invalid", "no JSON"),
        (b"[" * 200_000, 502, "upstream_invalid", "no JSON"),
        (b"{}", 502, "empty_response", NO_CHOICES),
        (b'{"choices": []}', 502, "empty_response", NO_CHOICES),
        (b'{"choices": null, "usage": {}}', 502, "empty_response", NO_CHOICES),
        (b"[]", 502, "empty_response", NO_CHOICES),
        (b'{"status": "434", "msg": "x", "body": null}', 401, "upstream_unauthorized", "x (434"),
        (b'{"error": {"message": "x"}}', 502, "upstream_error", "x"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_answer_that_is_none_is_the_error_it_is(
    body: bytes, status: int, code: str, says: str
) -> None:
    """A client that got a 200 would take it for success."""
    with pytest.raises(RelayError) as caught:
        read_completion(body, ALL_RULES)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, Usage(1, 2)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": 1}, Usage(1, None)),
        ({"prompt_tokens": True, "completion_tokens": "2"}, Usage(None, None)),
        ({"prompt_tokens": 1.5, "completion_tokens": None}, Usage(None, None)),
        ({}, Usage()),
        (None, Usage()),
        ([], Usage()),
        (7, Usage()),
    ],
)
def test_usage_is_read_as_far_as_it_is_said(usage: Any, expected: Usage) -> None:
    """`null` and `{}` mean that the upstream did not count."""
    assert read_usage({"usage": usage}) == expected
    answer = {"choices": [{"message": {}}], "usage": usage}
    assert read_completion(json.dumps(answer).encode(), ALL_RULES).usage == expected


@pytest.mark.parametrize("choices", [None, {}, "x", 5, [], [None, "x", []]])
def test_choices_that_are_none_are_an_empty_list(choices: Any) -> None:
    """Whoever reads them needs no check of their own."""
    assert choices_of({"choices": choices}) == []
    assert choices_of({}) == []


@pytest.mark.parametrize(
    ("choice", "called", "reason"),
    [
        ({"index": 1, "delta": {}, "finish_reason": "stop"}, {1}, "tool_calls"),
        ({"delta": {}, "finish_reason": "stop"}, {0}, "tool_calls"),
        ({"index": 0, "delta": {}, "finish_reason": "stop"}, {1}, "stop"),
        ({"index": 1, "delta": {}, "finish_reason": "length"}, {1}, "length"),
        ({"index": 1, "delta": {}, "finish_reason": None}, {1}, None),
        ({"index": 1, "delta": None, "finish_reason": "stop"}, {1}, "tool_calls"),
        ({"index": {}, "delta": {}, "finish_reason": "stop"}, {1}, "stop"),
        (
            {"index": "1", "delta": {"tool_calls": [1]}, "finish_reason": "stop"},
            set(),
            "tool_calls",
        ),
    ],
)
def test_a_finish_reason_follows_calls_of_earlier_chunks(
    choice: dict[str, Any], called: set[int], reason: str | None
) -> None:
    """Each choice for itself."""
    before = choice.get("finish_reason")
    changed = fix_finish_reason({"choices": [choice]}, frozenset(called))
    assert choice["finish_reason"] == reason
    assert changed is (before != reason)


def test_an_error_in_a_request_is_one_of_the_clients() -> None:
    """It is answered with 400, never with a fault of the relay's own."""
    with pytest.raises(InvalidRequest):
        parse_chat(b'{"messages": {}}')


@pytest.mark.parametrize(
    ("body", "report", "expected"),
    [
        (b'{"model":"m","choices":[{}]}', "gpt", b'{"model": "gpt", "choices": [{}]}'),
        (b'{"model": "gpt","choices":[{}]}', "gpt", b'{"model": "gpt","choices":[{}]}'),
        (b'{"model": "m","choices":[{}]}', None, b'{"model": "m","choices":[{}]}'),
        (b'{"choices": [{}]}', "gpt", b'{"choices": [{}]}'),
    ],
)
def test_an_answer_names_the_model_that_it_is_to_report(
    body: bytes, report: str | None, expected: bytes
) -> None:
    """Only where it names another; else it stays as it came."""
    assert read_completion(body, NO_RULES, report=report).body == expected
