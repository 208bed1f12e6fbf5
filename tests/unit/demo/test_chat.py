"""What a chat call answers, and what it refuses, as iFlow would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.demo.client import QUESTION, Seen, ask, ask_chat, request

from iflow_relay.catalog import BUILTIN

OPEN = {"qwen3-coder-plus", "iFlow-ROME-30BA3B"}
PATH = "/v1/chat/completions"


def message(seen: Seen) -> Any:
    return seen.json["choices"][0]["message"]


def chunks(seen: Seen) -> list[Any]:
    """The documents of a stream, [DONE] aside."""
    lines = seen.body.decode().split("\n\n")
    assert lines[-2:] == ["data:[DONE]", ""]
    return [json.loads(line.removeprefix("data:")) for line in lines[:-2]]


def said(text: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **fields}]


@pytest.mark.parametrize(
    "text", ["hello", "你好 世界", "👩\u200d👩\u200d👧 né\u2028x", 'a "b" \\ \n c', ""]
)
def test_the_answer_quotes_the_question(text: str) -> None:
    """Every character comes back, streamed or not, written as itself."""
    assert message(ask_chat(messages=said(text)))["content"] == f"You said: {text}"
    seen = ask_chat(messages=said(text), stream=True)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(seen)]
    assert "".join(pieces) == f"You said: {text}"
    assert b"\\u" not in seen.body


def test_half_a_character_does_no_harm() -> None:
    """JSON may hold a lone surrogate, which no bytes can stand for."""
    assert message(ask_chat(messages=said("\ud800")))["content"] == "You said: ?"
    assert b'{"content":"?"}' in ask_chat(messages=said("\ud800"), stream=True).body


def test_a_large_answer_is_streamed_in_a_bounded_number_of_events() -> None:
    """Larger pieces instead of more of them."""
    seen = ask_chat("size=1000000", stream=True)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(seen)]
    assert len(pieces) == 10_002
    assert 999_990 < len("".join(pieces).encode()) <= 1_000_000


def test_parts_of_text_are_quoted_and_images_are_not() -> None:
    """A message of parts is the lines of its texts."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "one"}, image, {"type": "text", "text": "two"}]
    seen = ask_chat(messages=[{"role": "user", "content": parts}])
    assert message(seen)["content"] == "You said: one\ntwo"


def test_a_long_question_is_quoted_in_part() -> None:
    """Megabytes are read, a thousand characters come back."""
    seen = ask_chat(messages=said("x" * 2_000_000))
    assert message(seen)["content"] == "You said: " + "x" * 1000 + "…"
    assert seen.json["usage"]["prompt_tokens"] == 500_004


def test_equal_requests_have_equal_answers_and_others_have_other_ids() -> None:
    """So that a bench may compare bytes, and a test may tell answers apart."""
    one, same, other = ask_chat(), ask_chat(), ask_chat(temperature=1)
    assert one.body == same.body
    assert one.json["id"] != other.json["id"]


def test_usage_is_four_characters_a_token() -> None:
    """Counts that can be checked by hand: prompt 2 + 4, answer 'You said: a b 河流'."""
    expected = {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
    assert ask_chat().json["usage"] == expected
    usage = {"include_usage": True}
    last = chunks(ask_chat(stream=True, stream_options=usage))[-1]
    assert (last["choices"], last["usage"]) == ([], expected)


@pytest.mark.parametrize("options", [{}, {"include_usage": False}, None, "odd"])
def test_a_stream_has_no_usage_unless_asked(options: object) -> None:
    """Without include_usage no chunk mentions it."""
    seen = ask_chat(stream=True, stream_options=options)
    assert all("usage" not in chunk for chunk in chunks(seen))


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_the_answer(name: str) -> None:
    """Two tokens are eight characters, and the reason is told; enough tokens change nothing."""
    two: dict[str, Any] = {name: 2}
    seen = ask_chat(**two)
    assert message(seen)["content"] == "You said"
    assert seen.json["choices"][0]["finish_reason"] == "length"
    assert seen.json["usage"]["completion_tokens"] == 2
    four: dict[str, Any] = {name: 4}
    assert ask_chat(**four).json["choices"][0]["finish_reason"] == "stop"


def test_n_answers_are_told_apart_and_interleaved() -> None:
    """Each has its index and its own text; a stream mixes them."""
    choices = ask_chat(n=3).json["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert choices[2]["message"]["content"] == "[3] You said: a b 河流"
    streamed = chunks(ask_chat(n=2, stream=True))
    order = [chunk["choices"][0]["index"] for chunk in streamed]
    assert order[:6] == [0, 1, 0, 1, 0, 1]
    assert [c["choices"][0]["finish_reason"] for c in streamed[-2:]] == ["stop", "stop"]


TOOLS = [
    {"type": "function", "function": {"name": "first"}},
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            },
        },
    },
]
NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("choice", "name", "arguments"),
    [
        ("auto", "first", {}),
        ("required", "first", {}),
        (NAMED, "weather", {"city": "a b 河流", "days": 1}),
    ],
)
def test_a_tool_is_called(choice: object, name: str, arguments: object) -> None:
    """The first or the named one, with arguments that fit its schema and quote the question."""
    seen = ask_chat(tools=TOOLS, tool_choice=choice)
    (call,) = message(seen)["tool_calls"]
    assert message(seen)["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", name)
    assert json.loads(call["function"]["arguments"]) == arguments
    assert seen.json["choices"][0]["finish_reason"] == "tool_calls"


def test_a_streamed_tool_call_comes_in_fragments() -> None:
    """Id and name once, then pieces of the arguments, then the reason."""
    streamed = chunks(ask_chat(tools=TOOLS, tool_choice=NAMED, stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed]
    calls = [delta["tool_calls"][0] for delta in deltas[1:-1]]
    assert deltas[0] == {"role": "assistant", "content": None}
    assert calls[0]["function"] == {"name": "weather", "arguments": ""}
    assert [call.get("id") for call in calls[1:]] == [None] * (len(calls) - 1)
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert arguments == '{"city": "a b 河流", "days": 1}'
    assert len(calls) > 3
    assert streamed[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_no_tool_is_called_when_none_is_wanted() -> None:
    """With tool_choice none the answer is text."""
    assert "tool_calls" not in message(ask_chat(tools=TOOLS, tool_choice="none"))


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_result_is_answered_with_text(choice: str) -> None:
    """The loop of an agent ends: the answer quotes the result."""
    call = {"id": "c", "type": "function", "function": {"name": "first", "arguments": "{}"}}
    messages = [
        *said("weather?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ]
    seen = ask_chat(messages=messages, tools=TOOLS, tool_choice=choice)
    assert message(seen)["content"] == "The tool said: sunny"


def test_json_is_answered_where_json_is_asked_for() -> None:
    """Any object for json_object, one that fits for json_schema."""
    seen = ask_chat(response_format={"type": "json_object"})
    assert json.loads(message(seen)["content"]) == {"answer": "You said: a b 河流"}
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(message(ask_chat(response_format=wish))["content"]) == {"ok": True}


@pytest.mark.parametrize(
    ("fields", "thinks"),
    [
        ({"model": "kimi-k2-thinking"}, True),
        ({"model": "glm-4.7", "chat_template_kwargs": {"enable_thinking": True}}, True),
        ({"model": "glm-4.7", "reasoning_effort": "low"}, True),
        ({"model": "glm-4.7", "reasoning_effort": "none"}, False),
        ({"model": "glm-4.7", "chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"model": "glm-4.7"}, False),
        ({"model": "kimi-k2-0905", "reasoning_effort": "high"}, False),
    ],
)
def test_a_reasoning_model_reasons_first(fields: dict[str, Any], thinks: bool) -> None:
    """Reasoning beside a null content, then content alone; both are counted."""
    streamed = chunks(ask_chat(**fields, stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed][1:-1]
    reasoned = [delta for delta in deltas if "reasoning_content" in delta]
    assert bool(reasoned) is thinks
    assert deltas[: len(reasoned)] == reasoned
    assert all(delta["content"] is None for delta in reasoned)
    buffered = ask_chat(**fields)
    whole = "".join(delta["reasoning_content"] for delta in reasoned)
    assert message(buffered).get("reasoning_content", "") == whole
    details = buffered.json["usage"].get("completion_tokens_details", {})
    assert details.get("reasoning_tokens", 0) == -(-len(whole) // 4)


@pytest.mark.parametrize("model", [model.id for model in BUILTIN])
def test_models_of_the_cli_want_its_user_agent(model: str) -> None:
    """With another one the answer is 406 without a body, but for the open models."""
    for agent in ("curl/8", "iflow-cli", None):
        seen = ask(request(QUESTION | {"model": model}, headers={"User-Agent": agent}))
        assert (seen.status, seen.body == b"") == ((200, False) if model in OPEN else (406, True))
    assert ask_chat(model=model).json["model"] == model


@pytest.mark.parametrize("model", ["gpt-4o", "", "GLM-4.7", None, 5, ["glm-4.7"], "demo"])
def test_an_unknown_model_is_435_inside_a_200(model: object) -> None:
    """Streamed or not, with the type of JSON."""
    for stream in (False, True):
        seen = ask_chat(model=model, stream=stream)
        assert (seen.status, seen.content_type) == (200, "application/json")
        assert seen.json == {"status": "435", "msg": "Model not support", "body": None}


@pytest.mark.parametrize("value", [None, "Bearer wrong", "sk-demo-0123456789abcdef", "Bearer "])
@pytest.mark.parametrize("path", [PATH, "/v1/embeddings"])
def test_a_wrong_key_is_434_inside_a_200(value: str | None, path: str) -> None:
    """Before anything else of the request is looked at."""
    seen = ask(request(b"{", path=path, headers={"Authorization": value}))
    assert (seen.status, seen.json["status"], seen.json["body"]) == (200, "434", None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"model":"\xff"}', b"[" * 100_000, b"9" * 5000, b"\xfe\xff{}"]
)
def test_a_body_that_is_no_json_gets_a_spring_400(body: bytes) -> None:
    """The framework answers before the application does."""
    seen = ask(request(body))
    assert seen.status == 400
    assert {k: seen.json[k] for k in ("status", "error", "path")} == {
        "status": 400,
        "error": "Bad Request",
        "path": PATH,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"messages": None}, "messages must be a list with at least one message"),
        ({"messages": []}, "messages must be a list with at least one message"),
        ({"messages": ["hello"]}, "messages must hold objects"),
        ({"n": 0}, "n must be between 1 and 16"),
        ({"n": "2"}, "n must be a whole number"),
        ({"max_tokens": -1}, "max_tokens must be a whole number"),
        ({"max_tokens": True}, "max_tokens must be a whole number"),
        ({"tools": {"a": 1}}, "tools must be a list of objects"),
        ({"tools": [{}]}, "tools must have a function with a name"),
        ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice must name one of"),
    ],
)
def test_a_wrong_parameter_is_named(changes: dict[str, Any], message: str) -> None:
    """A 400 in OpenAI's shape."""
    seen = ask_chat(**changes)
    assert seen.status == 400
    assert seen.json["error"]["message"].startswith(message)


def test_a_body_that_is_no_object_is_refused() -> None:
    """A list is JSON, but no request."""
    assert ask(request(b"[]")).json["error"]["message"] == "the body must be an object"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 404),
        ("POST", "/v1/messages", 404),
        ("POST", "/chat/completions", 404),
        ("POST", "//v1/chat/completions", 404),
        ("GET", "/", 404),
        ("GET", PATH, 405),
        ("PATCH", "/demo/stats", 404),
    ],
)
def test_other_paths_get_a_spring_error(method: str, path: str, status: int) -> None:
    """There is no list of models here."""
    seen = ask(request(method=method, path=path))
    assert (seen.status, seen.json["status"], seen.json["path"]) == (status, status, path)


def test_a_query_does_not_change_the_path() -> None:
    """As with any server."""
    assert ask(request(QUESTION, path=PATH + "?a=b")).json["object"] == "chat.completion"


def test_a_head_request_gets_no_body() -> None:
    """The length says 0, and so the connection stays in step."""
    seen = ask(request(method="HEAD", path="/v1/models"))
    assert (seen.status, seen.headers["content-length"]) == (404, "0")


def embed(**fields: Any) -> Seen:
    return ask(request({"model": "any", **fields}, path="/v1/embeddings"))


def test_embeddings_follow_from_the_text() -> None:
    """Equal texts have equal vectors, in the order in which they were sent."""
    data = embed(input=["a", "b", "a"]).json["data"]
    vectors = [entry["embedding"] for entry in data]
    assert vectors[0] == vectors[2] != vectors[1]
    assert [len(vector) for vector in vectors] == [8, 8, 8]
    assert [entry["index"] for entry in data] == [0, 1, 2]
    (one,) = embed(input="a", dimensions=3).json["data"]
    assert one["embedding"] == vectors[0][:3]


@pytest.mark.parametrize(
    "fields", [{}, {"input": ""}, {"input": []}, {"input": "a", "dimensions": 0}]
)
def test_embeddings_of_nothing_are_refused(fields: dict[str, Any]) -> None:
    """A 400 in OpenAI's shape."""
    assert embed(**fields).status == 400
