"""A reply as a stream of events or as one document, with the faults of what is said put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from ..catalog import CREATED
from .answers import Call, Choice, Reply
from .errors import openai_error, render_json
from .faults import Faults
from .shape import EVENT_STREAM, Answer, End, Step, Wait, endless

DONE = "[DONE]"
BROKEN_JSON = '{"id":"broken'
BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event; `is_content` if it brings something that the model said."""

    data: dict[str, Any] | str
    is_content: bool = False


def stream(reply: Reply, faults: Faults, *, include_usage: bool) -> Answer:
    """The reply as server-sent events."""
    if "endless-line" in faults:
        body: Iterator[Step] = _endless(b'data:{"id":"')
    elif "empty-stream" in faults:
        body = iter(())
    else:
        body = _write(_insert(_events(reply, faults, include_usage), faults), faults)
    return Answer(content_type=EVENT_STREAM, body=body, streamed=True)


def document(reply: Reply, faults: Faults) -> Answer:
    """The reply as one JSON document."""
    body = render_json(_completion(reply, faults))
    if "bom" in faults:
        body = BOM + body
    if "endless-line" in faults:
        return Answer(body=_endless(b'{"id":"'), streamed=True)
    if "empty-stream" in faults:
        return Answer()
    ending = faults.first("cut", "cut-event", "silence", "eof-cut")
    if ending is None:
        return Answer(body=[body])
    # What a stream counts in events is, in one document, all or half of it.
    half = b"" if ending == "silence" and not faults.number(ending) else body[: len(body) // 2]
    return Answer(body=[half, _END[ending]], streamed=True)


_END = {
    "cut": End.CLOSE,
    "cut-event": End.CLOSE,
    "eof-cut": End.CLOSE,
    "silence": End.SILENCE,
}


def _endless(start: bytes) -> Iterator[Step]:
    return chain([start], endless(b"x" * 16384), [End.CLOSE])


def _events(reply: Reply, faults: Faults, include_usage: bool) -> Sequence[Event]:
    events = list(_chunks(reply, faults))
    done = [] if "no-done" in faults else [Event(DONE)]
    return [*_with_usage(events, reply, faults, include_usage), *done]


def _chunks(reply: Reply, faults: Faults) -> Iterator[Event]:
    if faults.first("no-choices", "empty-choices"):
        yield Event(_head(reply, "chat.completion.chunk", faults, []))
        return
    choices = list(enumerate(reply.choices))
    for index, choice in choices:
        # A model that calls or reasons has nothing to say yet; null is how that is written.
        opening = None if choice.calls or choice.reasoning else ""
        yield Event(_chunk(reply, index, {"role": "assistant", "content": opening}))
    for row in zip_longest(*(_deltas(choice) for choice in reply.choices)):
        for index, delta in enumerate(row):
            if delta is not None:
                yield Event(_chunk(reply, index, delta), is_content=True)
    for index, choice in choices:
        if choice.finish is not None:
            yield Event(_chunk(reply, index, {}, choice.finish))


def _head(reply: Reply, kind: str, faults: Faults, choices: list[Any]) -> dict[str, Any]:
    head = {"id": reply.id, "object": kind, "created": CREATED, "model": reply.model}
    return head if "no-choices" in faults else head | {"choices": choices}


def _chunk(
    reply: Reply, index: int, delta: dict[str, Any], finish: str | None = None
) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return _head(reply, "chat.completion.chunk", Faults(), [choice])


def _deltas(choice: Choice) -> Iterator[dict[str, Any]]:
    for piece in choice.reasoning:
        yield {"content": None, "reasoning_content": piece}
    for piece in choice.content:
        yield {"content": piece}
    for index, call in enumerate(choice.calls):
        yield {"tool_calls": [{"index": index, **_tool_call(call, "")}]}
        for piece in call.fragments:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _tool_call(call: Call, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _with_usage(
    events: list[Event], reply: Reply, faults: Faults, include_usage: bool
) -> list[Event]:
    chunks = [event.data for event in events if isinstance(event.data, dict)]
    if "usage-null" in faults:
        for chunk in chunks:
            chunk["usage"] = None
    elif "usage-empty" in faults:
        chunks[-1]["usage"] = {}
    elif "no-usage" not in faults:
        if "usage-each" in faults:
            _count_up(events, reply)
        if include_usage:
            last = _head(reply, "chat.completion.chunk", faults, []) | {"usage": reply.usage}
            events.append(Event(last))
    return events


def _count_up(events: Sequence[Event], reply: Reply) -> None:
    """Give each chunk the usage so far, one token per content event, and the last one all."""
    prompt, most = reply.usage["prompt_tokens"], reply.usage["completion_tokens"]
    said = 0
    for event in events:
        said = min(said + event.is_content, most)
        if isinstance(event.data, dict):
            counts = (prompt, said, prompt + said)
            names = ("prompt_tokens", "completion_tokens", "total_tokens")
            event.data["usage"] = dict(zip(names, counts, strict=True))
    if isinstance(events[-1].data, dict):
        events[-1].data["usage"] = reply.usage


def _completion(reply: Reply, faults: Faults) -> dict[str, Any]:
    choices = [_message(index, choice) for index, choice in enumerate(reply.choices)]
    if "empty-choices" in faults:
        choices = []
    whole = _head(reply, "chat.completion", faults, choices)
    if "no-usage" in faults:
        return whole
    usage = None if "usage-null" in faults else {} if "usage-empty" in faults else reply.usage
    return whole | {"usage": usage}


def _message(index: int, choice: Choice) -> dict[str, Any]:
    content = None if choice.calls else "".join(choice.content)
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.calls:
        message["tool_calls"] = [_tool_call(c, "".join(c.fragments)) for c in choice.calls]
    return {"index": index, "message": message, "finish_reason": choice.finish}


def _position(events: Sequence[Event], count: int) -> int:
    """The place just after so many content events; 0 is before everything."""
    seen = 0
    for place, event in enumerate(events):
        if seen == count:
            return place
        seen += event.is_content
    return len(events)


def _insert(events: Sequence[Event], faults: Faults) -> list[Event]:
    """The events with those put in that a fault asks for."""
    if "bad-json-event" in faults:
        place = _position(events, faults.number("bad-json-event"))
        events = [*events[:place], Event(BROKEN_JSON), *events[place:]]
    if "error-event" in faults:
        place = _position(events, faults.number("error-event"))
        error = openai_error("demo error in the stream", "demo_error", "demo_error")
        events = [*events[:place], Event(error), Event(DONE)]
    return list(events)


def _write(events: Sequence[Event], faults: Faults) -> Iterator[Step]:
    ending = faults.first("cut", "cut-event", "silence", "eof-cut")
    place = _position(events, faults.number(ending)) if ending else len(events)
    if "bom" in faults:
        yield BOM
    for number, event in enumerate(events[:place]):
        if number and "pause" in faults:
            yield Wait(faults.seconds("pause"))
        yield _render(event, faults, is_last=number == len(events) - 1)
    if ending == "cut-event":
        half = _render(events[place], faults) if place < len(events) else b""
        yield half[: len(half) // 2]
    if ending:
        yield _END[ending]


def _render(event: Event, faults: Faults, *, is_last: bool = False) -> bytes:
    data = event.data.encode() if isinstance(event.data, str) else render_json(event.data)
    field = b"data: " if "space" in faults else b"data:"
    before = b": keep-alive\n\n" if "comments" in faults else b""
    if "empty-data" in faults:
        before += b"data:\n\n"
    after = b"" if is_last and "no-final-newline" in faults else b"\n\n"
    return _end_lines(before + field + data + after, faults)


def _end_lines(text: bytes, faults: Faults) -> bytes:
    # The data is JSON, so the only line feeds are the line ends.
    if "crlf" in faults:
        return text.replace(b"\n", b"\r\n")
    return text.replace(b"\n", b"\r") if "cr" in faults else text
