"""What an agent says of its turn, as pieces of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.agent.telling import MAX_LINE, Piece, Telling, Tool
from iflow_relay.agent.usage import Usage

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["content", "text", "type", "entries", "locations", "usage", "_meta", "title"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)
KINDS = ["agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan"]


def chunk(text: str, kind: str = "agent_message_chunk", **more: Any) -> dict[str, Any]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **more}


@given(st.sampled_from([*KINDS, "other"]), JSON)
def test_no_update_breaks_it(kind: str, fields: Any) -> None:
    """Whatever an agent makes of the protocol; pieces are never empty."""
    update = fields if isinstance(fields, dict) else {"content": fields, "entries": fields}
    pieces = Telling("reasoning").read({**update, "sessionUpdate": kind})
    assert all(piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "text", "text": "a"}, "a"),
        ({"text": "a"}, "a"),
        ("a", "a"),
        ({"type": "image", "mimeType": "image/png", "data": "aGk="}, "[image: image/png]"),
        ({"type": "resource_link", "uri": "file:///x"}, "[resource_link: file:///x]"),
        ({"type": "text"}, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_what_is_no_text_is_named(content: Any, text: str) -> None:
    """An answer holds text only."""
    pieces = Telling("reasoning").read({"sessionUpdate": "agent_message_chunk", "content": content})
    assert pieces == ([Piece("content", text)] if text else [])


def test_lines_begin_and_end_as_lines() -> None:
    """Whatever the thoughts between them end with."""
    telling = Telling("reasoning")
    call = {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "Run"}
    told = [
        *telling.read(call),
        *telling.read(chunk("hm", "agent_thought_chunk")),
        *telling.read(call),
        *telling.read(chunk("hm\n", "agent_thought_chunk")),
        *telling.refuse("it"),
    ]
    text = "".join(piece.text for piece in told)
    assert text == "[tool] Run\nhm\n[tool] Run\nhm\n[refused] it\n"


def test_a_tool_keeps_what_was_told_of_it() -> None:
    """Later updates name only what has changed."""
    telling = Telling("drop")
    telling.read(
        {
            "sessionUpdate": "tool_call",
            "toolCallId": "1",
            "title": "Read  notes\nnow",
            "kind": "read",
            "locations": [{"path": "/x"}, {}],
        }
    )
    assert telling.tool({"toolCallId": "1"}) == Tool("Read notes now", "read", ("/x",))
    assert telling.tool({"toolCallId": "1", "kind": "edit"}).kind == "edit"
    assert telling.tool({"toolCallId": "1"}).kind == "edit"
    assert telling.tool({"toolCallId": "2", "toolName": "shell"}) == Tool("shell", "other", ())
    assert telling.tool({}) == Tool("a tool", "other", ())


def test_what_a_tool_gave_is_cut() -> None:
    """It may be a whole file."""
    update = {
        "sessionUpdate": "tool_call_update",
        "toolCallId": "1",
        "status": "completed",
        "content": [{"type": "content", "content": {"type": "text", "text": "x" * 10_000}}],
    }
    (piece,) = Telling("reasoning").read(update)
    assert len(piece.text) < MAX_LINE + 50


def test_keys_in_what_a_tool_gave_are_masked() -> None:
    """It is told by nobody's wish."""
    update = {
        "sessionUpdate": "tool_call_update",
        "status": "failed",
        "content": [{"type": "content", "content": {"text": "hidden"}}],
    }
    (piece,) = Telling("reasoning", lambda text: text.replace("hidden", "…")).read(update)
    assert piece.text.endswith("failed, …\n")


def test_what_was_refused_is_content_where_there_is_none() -> None:
    """Blanks are none."""
    telling = Telling("drop")
    telling.read(chunk(" \n"))
    telling.refuse("one")
    telling.refuse("two")
    assert telling.end() == [Piece("content", "The agent did not go on: one; two")]
    assert Telling("drop").end() == []


def test_calls_of_a_model_add_up_to_a_turn() -> None:
    """Qwen Code counts each by itself, in `_meta`; what the agent says of the turn is the turn."""
    telling = Telling("reasoning")
    for count in (1, 2):
        meta = {"usage": {"promptTokens": count, "completionTokens": 1, "cachedTokens": count}}
        telling.read(chunk("", _meta=meta))
    assert telling.ending({"stopReason": "end_turn"}).usage == Usage(3, 2, None, 3)
    whole = {"usage": {"inputTokens": 9, "outputTokens": 8}}
    assert telling.ending(whole).usage == Usage(9, 8)
    assert telling.ending({"_meta": whole}).usage == Usage(9, 8)
