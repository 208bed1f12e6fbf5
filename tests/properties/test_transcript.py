"""The other dialects, told as accumulators of others tell them; and nothing that cannot be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.unit.transcript.markdown_reader import Turn, read_conversations

from iflow_relay.pacing import Piece, parse_pacing
from iflow_relay.transcript.markdown import render_markdown
from iflow_relay.transcript.reading import read_answer, read_request
from iflow_relay.transcript.rendering import pretty, render_answer
from iflow_relay.transcript.values import Asked, Choice, Dialect, Told

LETTERS = st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=5)
NAMES = st.text("abc_", min_size=1, max_size=5)


class Item(NamedTuple):
    """One thing that an answer brings: a text, a thought, a refusal or a call, in its pieces."""

    kind: str
    name: str
    pieces: list[str]

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(self.pieces)


ITEMS = st.lists(
    st.builds(Item, st.sampled_from(["text", "reasoning", "refusal", "call"]), NAMES, LETTERS),
    max_size=5,
)


def in_turn(items: list[Item]) -> Iterator[tuple[int, str]]:
    """The pieces of all items by turns, each with its item's number."""
    for turn in range(5):
        for number, item in enumerate(items):
            if turn < len(item.pieces):
                yield number, item.pieces[turn]


def stream(events: list[dict[str, Any]]) -> bytes:
    """Events as these two dialects send them."""
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
GOES_ON = {"type": "response.in_progress", "response": RESPONSE, "sequence_number": 0}
"""Brings nothing: the SDK's accumulator answers it with what there is by then."""

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "output_text", "text": "", "annotations": []},
    "refusal": {"type": "refusal", "refusal": ""},
}


def open_response_item(number: int, item: Item) -> Iterator[dict[str, Any]]:
    """The events that begin an item of a response."""
    made: dict[str, Any] = {"id": f"item_{number}", "status": "in_progress"}
    if item.kind == "call":
        called = {"call_id": f"call_{number}", "name": item.name, "arguments": ""}
        made |= {"type": "function_call"} | called
    elif item.kind == "reasoning":
        made |= {"type": "reasoning", "summary": []}
    else:
        made |= {"type": "message", "role": "assistant", "content": []}
    where = {"output_index": number, "sequence_number": 0}
    yield {"type": "response.output_item.added", "item": made} | where
    if item.kind in EMPTY:
        part = {"item_id": made["id"], "content_index": 0, "part": EMPTY[item.kind]}
        yield {"type": "response.content_part.added"} | part | where


DELTAS = {
    "text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "reasoning": "response.reasoning_summary_text.delta",
    "call": "response.function_call_arguments.delta",
}


def responses_events(items: list[Item]) -> list[dict[str, Any]]:
    """A response as OpenAI streams it, but for its last event."""
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": RESPONSE, "sequence_number": 0}
    ]
    for number, item in enumerate(items):
        events += open_response_item(number, item)
    for number, piece in in_turn(items):
        delta: dict[str, Any] = {"item_id": f"item_{number}", "output_index": number}
        delta |= {"content_index": 0, "summary_index": 0, "logprobs": [], "sequence_number": 0}
        events.append({"type": DELTAS[items[number].kind], "delta": piece} | delta)
    return events


def told_of(items: list[Item], kind: str) -> str:
    """All of one kind, as one text."""
    return "".join(item.text for item in items if item.kind == kind)


@settings(deadline=None, max_examples=100)
@given(ITEMS)
def test_a_response_is_what_the_official_sdk_makes_of_it(items: list[Item]) -> None:
    """Texts and calls equal those of the SDK's own accumulator, which leaves out the rest."""
    events = responses_events(items)
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENTS.validate_python(event))
    snapshot = state.accumulate_event(EVENTS.validate_python(GOES_ON))
    completed = {"type": "response.completed", "response": RESPONSE | {"status": "completed"}}
    told = read_answer(stream([*events, completed]))
    [choice] = told.choices
    assert choice.text == snapshot.output_text
    calls = [out for out in snapshot.output if out.type == "function_call"]
    assert choice.calls == tuple((call.call_id, call.name, call.arguments) for call in calls)
    assert choice.reasoning == told_of(items, "reasoning")
    assert choice.refusal == told_of(items, "refusal")
    check_the_views_agree(told)


def messages_events(items: list[Item]) -> list[dict[str, Any]]:
    """A message as Anthropic streams it: one block after the other."""
    head = {"type": "message", "role": "assistant", "model": "m", "content": []}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}]
    for index, item in enumerate(items):
        block, delta = {
            "call": ({"type": "tool_use", "id": f"toolu_{index}", "name": item.name, "input": {}},
                     ("input_json_delta", "partial_json")),
            "reasoning": ({"type": "thinking", "thinking": ""}, ("thinking_delta", "thinking")),
        }.get(item.kind, ({"type": "text", "text": ""}, ("text_delta", "text")))  # fmt: skip
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        for piece in item.pieces:
            said = {"type": delta[0], delta[1]: piece}
            events.append({"type": "content_block_delta", "index": index, "delta": said})
        events.append({"type": "content_block_stop", "index": index})
    return [*events, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}]


def accumulate(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks of a message, as Anthropic's own description says that they grow."""
    blocks: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.insert(event["index"], dict(event["content_block"], said=""))
        elif event["type"] == "content_block_delta":
            delta = dict(event["delta"])
            del delta["type"]
            blocks[event["index"]]["said"] += delta.popitem()[1]
    return blocks


@settings(deadline=None, max_examples=100)
@given(ITEMS)
def test_a_message_is_what_its_blocks_grow_into(items: list[Item]) -> None:
    """By an accumulator that knows nothing of ours."""
    events = messages_events(items)
    blocks = accumulate(events)
    told = read_answer(stream([*events, {"type": "message_stop"}]))
    [choice] = told.choices
    said = {kind: [b for b in blocks if b["type"] == kind] for kind in ("text", "thinking")}
    assert choice.text == "".join(block["said"] for block in said["text"])
    assert choice.reasoning == "".join(block["said"] for block in said["thinking"])
    calls = [block for block in blocks if block["type"] == "tool_use"]
    assert choice.calls == tuple((block["id"], block["name"], block["said"]) for block in calls)
    check_the_views_agree(told)


def turn_of(choice: Choice) -> Turn:
    """What the Markdown has to say of the only answer."""
    calls = tuple((call.id, call.name, pretty(call.arguments)) for call in choice.calls)
    text, thought, refused = (
        (said,) if said else () for said in (choice.text, choice.reasoning, choice.refusal)
    )
    return Turn("answer", text, thought, refused, calls)


def check_the_views_agree(told: Told) -> None:
    """The Markdown says what was read."""
    [turns] = read_conversations(render_markdown(Asked(), told))
    assert turns == [turn_of(choice) for choice in told.choices]


@settings(deadline=None, max_examples=50)
@given(ITEMS, st.integers(0), st.sampled_from([responses_events, messages_events]))
def test_a_cut_anywhere_is_told_and_loses_nothing_before_it(
    items: list[Item], where: int, events_of: Any
) -> None:
    """A text up to the cut is the beginning of the whole text."""
    first_text = next((item for item in items if item.kind == "text"), None)
    items = [item for item in items if item.kind != "text" or item is first_text]
    body = stream(events_of(items))
    whole, cut = read_answer(body), read_answer(body[: where % (len(body) + 1)])
    assert cut.broken
    for choice in cut.choices:
        assert whole.choices[0].text.startswith(choice.text)
        assert len(choice.calls) <= len(whole.choices[0].calls)


@settings(deadline=None)
@given(
    st.binary(),
    st.binary(),
    st.sampled_from(Dialect),
    st.lists(st.builds(Piece, st.floats(0, 99), st.integers(0, 99))),
    st.text("0123456789.+ e-naif"),
)
def test_whatever_came_is_shown(
    asked: bytes, told: bytes, dialect: Dialect, pieces: list[Piece], pacing: str
) -> None:
    """Any bytes, and any times, become a view and one conversation of Markdown."""
    pieces.append(Piece(0.0, max(0, len(told) - sum(piece.length for piece in pieces))))
    for noted in (pieces, parse_pacing(pacing)):
        answer = read_answer(told, dialect, 200, noted)
        render_answer(answer).encode()
    document = render_markdown(read_request(asked, dialect), answer)
    document.encode()
    assert len(read_conversations(document)) == 1
