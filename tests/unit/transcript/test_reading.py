"""Reading conversations: every dialect, whole, streamed and cut, and never an exception."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from iflow_relay.pacing import Piece
from iflow_relay.sse import render_event
from iflow_relay.transcript.reading import dialect_of, read_answer, read_request
from iflow_relay.transcript.rendering import render_answer, render_request
from iflow_relay.transcript.values import (
    Attachment,
    Choice,
    Dialect,
    Message,
    Text,
    Tool,
    ToolCall,
    Usage,
)

CASES = Path(__file__).parents[2] / "cases" / "transcript"
STREAMS = sorted(CASES.glob("*.answer.sse"))
BODIES = sorted(path for path in CASES.iterdir() if path.suffix in (".json", ".sse"))

MARKS = [b"data: ", b'{"choices":[', b'{"delta":{"content":', b'"type":"message_start"', b"}", b"]"]
MARKS += [b"\n\n", b"\r\n", b"[DONE]", b'{"messages":[{"content":', b'"\\ud800"', b"\xe2\x80\xa8"]
SOUP = st.lists(st.one_of(st.sampled_from(MARKS), st.binary(max_size=8)), max_size=30).map(b"".join)
NAMES = "choices delta message content tool_calls function arguments index usage type error input"
NAMES += " messages role response output item content_block tools source data id object summary"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4)
    ),
    max_leaves=20,
)
TYPES = st.sampled_from(
    [
        "message",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "error",
        "response.created",
        "response.output_item.added",
        "response.completed",
        "response.function_call_arguments.delta",
    ]
)


def read_both_ways(body: bytes) -> None:
    """Read and render as a request and as an answer of each dialect; the text can be written."""
    for dialect in Dialect:
        render_request(read_request(body, dialect)).encode()
        render_answer(read_answer(body, dialect)).encode()


@settings(deadline=None)
@given(SOUP | st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    """Whatever came over the wire is shown somehow."""
    read_both_ways(body)


@settings(deadline=None)
@given(JSON, TYPES)
def test_no_document_raises(value: Any, type: str) -> None:
    """Right names that hold wrong things are passed over, whole and in a stream."""
    document = {"type": type} | value if isinstance(value, dict) else value
    body = json.dumps(document).encode()
    read_both_ways(body)
    read_both_ways(b"data: " + body + b"\n\n")
    read_both_ways(json.dumps({"messages": document, "input": document}).encode())


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"choices":' * 100_000])
@pytest.mark.parametrize("before", [b"", b"data: "])
def test_deep_nesting_is_no_trouble(before: bytes, nested: bytes) -> None:
    """What Python's own reader gives up on is shown as it came."""
    read_both_ways(before + nested)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_every_prefix_is_read(path: Path) -> None:
    """A body that is still coming, or broke off anywhere, is shown as far as it came."""
    body = path.read_bytes()
    for end in range(len(body)):
        read_both_ways(body[:end])


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
def test_a_longer_prefix_tells_no_less(path: Path) -> None:
    """The text grows at its end alone, and every cut but in the last words is told."""
    body, whole, before = path.read_bytes(), read_answer(path.read_bytes()), ""
    for end in range(body.index(b"\n") + 1, len(body)):
        told = read_answer(body[:end])
        text = told.choices[0].text.rstrip("\ufffd") if told.choices else ""
        assert text.startswith(before)
        before = text
        finished = told.error or "[DONE]" in str(told.events) or told.choices == whole.choices
        assert told.broken or finished


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
def test_line_ends_change_nothing(path: Path, ending: bytes) -> None:
    """CR LF and CR end lines as LF does."""
    body = path.read_bytes()
    read = read_answer(body.replace(b"\n", ending))
    assert read._replace(broken="") == read_answer(body)._replace(broken="")


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_only_line_feeds_end_lines(letter: str) -> None:
    """Letters that Python's splitlines cuts at are text."""
    told = read_answer(chunk({"content": f"a{letter}b"}))
    assert told.choices[0].text == f"a{letter}b"


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", Dialect.CHAT),
        ("/api/paas/v4/chat/completions/?x=/messages", Dialect.CHAT),
        ("/v1/responses", Dialect.RESPONSES),
        ("/v1/messages?beta=true", Dialect.MESSAGES),
        ("/v1/messages/count_tokens", Dialect.UNKNOWN),
        ("/v1/models", Dialect.UNKNOWN),
    ],
)
def test_a_path_tells_the_dialect(path: str, dialect: Dialect) -> None:
    """On any host, below any prefix."""
    assert dialect_of(path) is dialect


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_the_shape_tells_the_dialect(path: Path) -> None:
    """A body is known for what it is without its path; an error alone may be anybody's."""
    body, want = path.read_bytes(), path.name.partition("-")[0]
    read = read_request(body) if ".request." in path.name else read_answer(body)
    alone = ("messages-error.answer.json", "chat-error.answer.json")
    assert read.dialect == ("unknown" if path.name in alone else want)


def test_a_request_is_read_into_values() -> None:
    """Model, parameters, messages and tools, each where it belongs."""
    asked = read_request((CASES / "chat-tools.request.json").read_bytes())
    assert asked.model == "glm-4.7"
    assert ("stream", "true") in asked.parameters
    assert asked.tools == (Tool("weather", ("city", "unit")),)
    parts = (
        Text("Weather here?"),
        Attachment("image/png", 8),
        Attachment("image", None, "https://example.com/a.jpg"),
    )
    assert asked.messages[1] == Message("user", parts, "ann")


@given(st.binary(max_size=50))
def test_the_size_of_an_image_is_that_of_its_bytes(image: bytes) -> None:
    """Base64 is counted without being decoded."""
    from base64 import b64encode

    url = f"data:image/png;base64,{b64encode(image).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    body = {"messages": [{"role": "user", "content": content}]}
    [message] = read_request(json.dumps(body).encode()).messages
    assert message.parts == (Attachment("image/png", len(image)),)


CALL = (ToolCall("call_1", "weather", '{"city":"Paris"}'),)


@pytest.mark.parametrize(
    ("name", "choice", "usage"),
    [
        (
            "chat-stream.answer.sse",
            Choice(
                text="Let me look. 河流",
                reasoning="I do not know.",
                calls=(*CALL, ToolCall("call_2", "time", "{}")),
                finish="tool_calls",
            ),
            Usage(1204, 356, 0),
        ),
        (
            "responses-stream.answer.sse",
            Choice(text="One moment.", reasoning="Look it up.", calls=CALL, finish="completed"),
            Usage(10, 20, None, 5),
        ),
        (
            "messages-stream.answer.sse",
            Choice(
                text="One moment.",
                reasoning="Look it up.",
                calls=(ToolCall("toolu_1", "weather", '{"city": "Paris"}'),),
                finish="tool_use",
            ),
            Usage(14, 20, 4),
        ),
        (
            "messages-whole.answer.json",
            Choice(
                text="One moment.",
                reasoning="Look it up.",
                calls=(ToolCall("toolu_1", "weather", '{"city": "Paris"}'),),
                finish="tool_use",
            ),
            Usage(14, 20, 4),
        ),
    ],
)
def test_an_answer_is_rebuilt(name: str, choice: Choice, usage: Usage) -> None:
    """Text, reasoning, calls and counts come out of their pieces."""
    told = read_answer((CASES / name).read_bytes())
    assert told.choices == (choice,)
    assert told.usage == usage
    assert told.broken == ""


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"error":{"message":"No such key.","type":"x"}}', "No such key."),
        (404, b'{"detail":"Not Found"}', "Not Found"),
        (429, b'{"type":"error","error":{"type":"x","message":"Slow down."}}', "Slow down."),
        (200, b'{"success":false,"message":"No balance."}', "No balance."),
        (200, b'data: {"error":{"message":"Overloaded."}}\n\n', "Overloaded."),
        (200, b'event: error\ndata: {"type":"error","error":{"message":"Bye."}}\n\n', "Bye."),
        (502, b"Bad gateway", "The upstream answered 502: Bad gateway"),
    ],
)
def test_an_error_is_told_in_words(status: int, body: bytes, error: str) -> None:
    """Whichever shape it has."""
    assert read_answer(body, status=status).error == error


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (b"", "The answer is empty."),
        (b": hi\n\n", "The stream holds no event."),
        (b'data: {"cho', "The stream breaks off inside event 1, after 11 bytes."),
        (b"data: x\n\ndata: [DONE]\n\n", "Event 1 is no JSON object."),
        (
            b'{"choices": [',
            "The body is cut off or no JSON: Expecting value (line 1, column 14, of 13 letters).",
        ),
    ],
)
def test_where_a_body_breaks_is_told(body: bytes, broken: str) -> None:
    """The number of the event, and how many bytes had come."""
    assert read_answer(body).broken == broken


def test_fragments_without_an_index_find_their_call() -> None:
    """An id begins a call; what names none goes on with the last."""
    deltas = [
        {"id": "a", "function": {"name": "x", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "b", "function": {"name": "y", "arguments": "1"}},
        {"id": "b", "function": {"name": "y", "arguments": "2"}},
    ]
    told = read_answer(b"".join(chunk({"tool_calls": [delta]}) for delta in deltas))
    assert told.choices[0].calls == (ToolCall("a", "x", "{}"), ToolCall("b", "y", "12"))


@pytest.mark.parametrize("said", ["", '{"a":1}'])
def test_arguments_that_are_said_at_the_end_alone_are_shown(said: str) -> None:
    """By Responses APIs that send no deltas; what came in deltas is not taken twice."""
    call = {"type": "function_call", "call_id": "c", "name": "x"}
    place = {"output_index": 0}
    delta = {"type": "response.function_call_arguments.delta", "delta": said} | place
    events = [
        {"type": "response.output_item.added", "item": call | {"arguments": ""}} | place,
        *([delta] if said else []),
        {"type": "response.output_item.done", "item": call | {"arguments": '{"a":1}'}} | place,
    ]
    told = read_answer(b"".join(map(render_event, events)))
    assert told.choices[0].calls == (ToolCall("c", "x", '{"a":1}'),)


LETTERS = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.lists(LETTERS, max_size=6)
TOLD = st.fixed_dictionaries(
    {
        "content": WORDS,
        "refusal": WORDS,
        "calls": st.lists(st.tuples(st.text("abc_", min_size=1), WORDS), max_size=3),
    }
)


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    """One event of a chat stream."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return render_event(head | {"choices": [choice]})


def deltas_of(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The deltas that an upstream streams this answer in, fragments of calls in turn."""
    yield {"role": "assistant"}
    yield from ({"content": word} for word in told["content"])
    yield from ({"refusal": word} for word in told["refusal"])
    for index, (name, _) in enumerate(told["calls"]):
        function = {"name": name, "arguments": ""}
        start = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield {"tool_calls": [start]}
    for turn in range(6):
        for index, (_, words) in enumerate(told["calls"]):
            if turn < len(words):
                fragment = {"index": index, "function": {"arguments": words[turn]}}
                yield {"tool_calls": [fragment]}


@settings(deadline=None, max_examples=200)
@given(st.lists(TOLD, min_size=1, max_size=2))
def test_an_answer_is_what_the_official_sdk_makes_of_it(choices: list[dict[str, Any]]) -> None:
    """Text, refusal and calls equal those of the SDK's own accumulator."""
    events = [chunk(d, index=i) for i, told in enumerate(choices) for d in deltas_of(told)]
    events += [chunk({}, "stop", index=i) for i in range(len(choices))]
    state = ChatCompletionStreamState()
    for event in events:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(event[6:]))
    snapshot = state.current_completion_snapshot
    told = read_answer(b"".join(events) + b"data: [DONE]\n\n")
    assert len(told.choices) == len(snapshot.choices)
    for choice, theirs in zip(told.choices, snapshot.choices, strict=True):
        message = theirs.message
        assert choice.text == (message.content or "")
        assert choice.refusal == (message.refusal or "")
        calls = [
            (call.id, call.function.name, call.function.arguments) for call in calls_of(theirs)
        ]
        assert [tuple(call) for call in choice.calls] == calls


def calls_of(choice: Any) -> list[Any]:
    """The calls of one of the SDK's choices."""
    return choice.message.tool_calls or []


SPARING = b'data: {"choices":[{"delta":{"content":"w\xc3\xb6rld"}}]}\n\n'
"""The least that an upstream can send: 10 MB of these are 200,000 events."""


@pytest.mark.parametrize(
    "event", [chunk({"content": " wörld 🌊"}), SPARING], ids=["usual", "least"]
)
def test_ten_megabytes_are_read_in_a_second(event: bytes) -> None:
    """With the times at which they came; the best of three, as others may be busy."""
    stream = event * (10_000_000 // len(event)) + b"data: [DONE]\n\n"
    pieces = [Piece(0.001, len(stream) // 20_000)] * 20_000
    pieces.append(Piece(0.0, len(stream) % 20_000))
    taken = []
    for _ in range(3):
        begin = time.process_time()
        text = render_answer(read_answer(stream, pieces=pieces))
        taken.append(time.process_time() - begin)
    assert text.count("wörld") == 10_000_000 // len(event)
    assert "longest gap: 0.001 s" in text
    assert min(taken) < 1
