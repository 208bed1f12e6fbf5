"""What of an answer is counted: its end, its tool calls, its tokens in detail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.reading import ALL_RULES

from iflow_relay.dialects.chat import Usage, read_completion, read_usage
from iflow_relay.dialects.chat_stream import ChatStream


def event(finish: str | None = None, **delta: Any) -> bytes:
    """A chunk of the first choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    text = json.dumps({"choices": [choice]}, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def fragment(index: int, **function: str) -> bytes:
    """A piece of a tool call."""
    return event(tool_calls=[{"index": index, "function": function}])


def test_tool_calls_of_a_stream_are_counted_once_each() -> None:
    """By their names' first fragments; a key called name in the arguments is none."""
    stream = ChatStream(ALL_RULES, now=lambda: 1.0)
    for data in (
        fragment(0, name="look", arguments=""),
        fragment(0, arguments='{"name": 1}'),
        fragment(1, name="see", arguments=""),
        fragment(1, arguments="{}"),
        event("tool_calls"),
    ):
        assert stream.feed(data) == data
    assert (len(stream.tools), stream.reason) == (2, "tool_calls")


def test_a_whole_answer_tells_the_same() -> None:
    """With the tokens that were cached, and those that were thought."""
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    message = {"tool_calls": [{"function": {"name": "a"}}, {"function": {"name": "b"}}]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    body = json.dumps({"choices": choices, "usage": usage}).encode()
    told = read_completion(body, ALL_RULES)
    assert told[1:] == (Usage(9, 8, 7, 6), "tool_calls", 2)


@pytest.mark.parametrize("odd", [-5, 1e29, 1 << 70, True, "7", None])
def test_a_number_that_can_be_no_count_is_none(odd: object) -> None:
    """It would spoil every sum that it is part of."""
    assert read_usage({"usage": {"prompt_tokens": odd, "completion_tokens": 3}}) == Usage(None, 3)
