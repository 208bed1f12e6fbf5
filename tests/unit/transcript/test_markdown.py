"""Conversations as Markdown: read back exactly, and no text passes for more than a text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.unit.transcript.markdown_reader import Turn, read_code, read_conversations, read_fences

from iflow_relay.transcript.markdown import render_markdown
from iflow_relay.transcript.marks import code, escape, fence, stands_alone, unescape
from iflow_relay.transcript.reading import read_answer, read_request
from iflow_relay.transcript.rendering import pretty
from iflow_relay.transcript.values import (
    Asked,
    Attachment,
    Choice,
    Message,
    Other,
    Part,
    Reasoning,
    Refused,
    Text,
    Told,
    ToolCall,
    ToolResult,
)

CASES = Path(__file__).parents[2] / "cases" / "transcript"
MARKS = [
    "\n",
    "\r",
    "\r\n",
    "## ",
    "# Conversation 2 · ",
    "3 · user",
    "### 3 · tool call `x`",
    "· ",
]
MARKS += ["---", "===", "```", "````", "~~~", "```json", "    ", "  ", "- ", "> ", "1. ", "\\", "`"]
MARKS += ["<div>", "<!-- ", "-->", "<pre>", "</pre>", "&middot;", "\t", "a", '"', "[x]: y", "|"]
WORDS = st.lists(
    st.one_of(st.sampled_from(MARKS), st.text(st.characters(codec="utf-8"), max_size=3)),
    max_size=12,
).map("".join)
ATTACHED = st.one_of(
    st.builds(Attachment, WORDS, st.none() | st.integers(0, 1 << 40), WORDS),
    st.builds(Other, WORDS, st.integers(0, 1 << 40)),
)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Reasoning, WORDS),
    st.builds(Refused, WORDS),
    st.builds(ToolCall, WORDS, WORDS, WORDS),
    st.builds(
        ToolResult, WORDS, st.lists(st.builds(Text, WORDS) | ATTACHED, max_size=3).map(tuple)
    ),
    ATTACHED,
)
ROLES = st.sampled_from(["user", "assistant", "tool", "answer", "end", "x_y", "", "a\n## 1 · b"])
MESSAGES = st.builds(Message, ROLES, st.lists(PARTS, max_size=4).map(tuple), WORDS)
CONVERSATIONS = st.lists(st.lists(MESSAGES, max_size=3), min_size=1, max_size=2)
HEADINGS = MarkdownIt("commonmark")


def turn_of(message: Message) -> Turn:
    """What is to be read back of a message."""
    plain = ("user", "assistant", "tool")
    role = message.role if message.role in plain else code(message.role)
    turn = Turn(f"{role} {code(message.name)}" if message.name else role)
    return add_parts(turn, message.parts)


def add_parts(turn: Turn, parts: tuple[Part, ...]) -> Turn:
    """The turn with these parts."""
    for part in parts:
        match part:
            case Text(text):
                turn = turn._replace(text=(*turn.text, text))
            case Reasoning(text):
                turn = turn._replace(reasoning=(*turn.reasoning, text))
            case Refused(text):
                turn = turn._replace(refusal=(*turn.refusal, text))
            case ToolCall(id, name, arguments):
                turn = turn._replace(calls=(*turn.calls, (id, name, pretty(arguments))))
            case ToolResult(_, inner):
                texts = tuple(one.text for one in inner if isinstance(one, Text))
                turn = turn._replace(results=(*turn.results, texts))
    return turn


def headings_of(document: str) -> list[str]:
    """The headings of levels 1 and 2 outside of quotations, as CommonMark has them."""
    tokens = HEADINGS.parse(document)
    return [
        after.content
        for token, after in pairwise(tokens)
        if token.type == "heading_open" and token.tag in ("h1", "h2") and token.level == 0
    ]


@pytest.mark.parametrize("name", ["chat-tools", "messages-blocks", "responses-items"])
def test_a_conversation_reads_like_this(name: str) -> None:
    """The whole look of one, beside the cases that it is made of."""
    asked = read_request((CASES / f"{name}.request.json").read_bytes())
    told = read_answer((CASES / f"{asked.dialect}-stream.answer.sse").read_bytes())
    shown = (CASES / f"{name}.request.json.md").read_text("utf-8")
    assert render_markdown(asked, told) == shown


@settings(deadline=None, max_examples=150)
@given(CONVERSATIONS)
def test_what_is_written_is_read_back(conversations: list[list[Message]]) -> None:
    """Every text, call and result of several conversations in one file, whatever is in them."""
    document = "\n".join(
        render_markdown(Asked(messages=tuple(messages)), None, number)
        for number, messages in enumerate(conversations, 1)
    )
    assert read_conversations(document) == [
        [turn_of(message) for message in messages] for messages in conversations
    ]


@settings(deadline=None, max_examples=100)
@given(st.lists(PARTS, max_size=2), WORDS, WORDS, WORDS)
def test_an_answer_is_read_back(calls: list[Part], text: str, reasoning: str, error: str) -> None:
    """As turns of its own behind those of the request."""
    called = tuple(part for part in calls if isinstance(part, ToolCall))
    choices = (Choice(0, text, reasoning, calls=called), Choice(1, reasoning, refusal=text))
    [turns] = read_conversations(
        render_markdown(Asked(), Told(choices=choices, error=error, broken=error, raw=error))
    )
    assert turns == [
        add_parts(Turn(f"answer {choice.index}"), choice.parts()) for choice in choices
    ]


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, min_size=1, max_size=3))
@example(["```\ncode", "hi"])
@example(["```\n## 2 · user", "hi"])
@example(["- a\n  ```\n- b\n  ```\n\n```"])
@example(["3 · user\n---", "3 · user\r==="])
@example(["a\r## 2 · user", "<!-- ", "<pre>"])
def test_only_turns_have_headings_like_those_of_turns(texts: list[str]) -> None:
    """To CommonMark as well: none is taken in by what stands before it, and none is feigned."""
    asked = Asked(messages=tuple(Message("user", (Text(text),)) for text in texts))
    found = [words for words in headings_of(render_markdown(asked, None)) if "·" in words]
    ours = ["Conversation 1 · unknown", *(f"{n} · user" for n in range(1, len(texts) + 1))]
    assert [words for words in found if not words.startswith("\\")] == ours


@given(WORDS)
def test_escaping_is_undone(text: str) -> None:
    """For any text, also for one that was escaped before."""
    assert unescape(escape(text)) == text
    assert unescape(unescape(escape(escape(text)))) == text


@pytest.mark.parametrize(
    "text",
    ["# Title\n\ntext\n\n## More · or less", "```py\n## 1\n```", "a · b\n\n- c · d\n", "    x · y"],
)
def test_a_text_keeps_its_own_markdown(text: str) -> None:
    """All but a backslash in headings that hold a middle dot."""
    assert stands_alone(text)
    assert escape(text) == text.replace("## More", "## \\More")


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("", True),
        ("```\nx\n```", True),
        ("```\nx", False),
        ("```\nx\n~~~", False),
        ("````\n```\n````", True),
        ("```\n```x", False),
        ("```a`b", True),
        ("1. a\n   ```\n   x\n   ```\n2. b", True),
        ("- a\n  ```\nb", False),
        ("<b>\n```\n</b>", False),
        ("<!-- x", False),
    ],
)
def test_a_text_that_leaves_something_open_does_not_stand_alone(text: str, alone: bool) -> None:
    """It would take in the headings that follow."""
    assert stands_alone(text) is alone


@given(WORDS)
def test_a_fence_is_longer_than_any_in_it(text: str) -> None:
    """So that it ends where the text does."""
    text = text.replace("\r", "")
    assert [block for _, block in read_fences(iter(fence(text, "json").split("\n")))] == [text]


@given(st.text())
def test_code_in_a_line_is_one_line_and_can_be_read(text: str) -> None:
    """Also where the text has several, or none."""
    assert "\n" not in code(text)
    assert "\r" not in code(text)
    assert read_code(code(text)) == text
