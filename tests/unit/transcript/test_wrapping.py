"""Long lines are broken for the eye, and every break can be taken out again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.transcript.rendering import render_request
from iflow_relay.transcript.values import Asked, Message, Text, ToolResult
from iflow_relay.transcript.wrapping import MAX_WRAPPED, SOFT_BREAK, WRAP, unwrap, wrap

PROSE = "The quick brown fox jumps over the lazy dog. " * 5
CHINESE = "河流的水，很深。" * 20  # noqa: RUF001


def test_prose_is_broken_at_spaces() -> None:
    """No line is longer than it may be, and none is left much shorter than it could be."""
    *lines, last = wrap(PROSE).split(SOFT_BREAK)
    assert all(WRAP - 10 <= len(line.rstrip()) <= WRAP for line in lines)
    assert len(last) <= WRAP
    assert "".join(lines) + last == PROSE


def test_chinese_is_broken_between_letters() -> None:
    """Which are two columns wide; what closes a sentence begins no line."""
    lines = wrap(CHINESE).split(SOFT_BREAK)
    assert all(WRAP // 2 - 2 <= len(line) <= WRAP // 2 for line in lines[:-1])
    assert not any(line.startswith(("，", "。")) for line in lines)  # noqa: RUF001


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "x" * 500,
        f"```\n{PROSE}\n```",
        f"    {PROSE}",
        f"| {PROSE} |",
        "a" * WRAP,
        "word " * MAX_WRAPPED,
    ],
    ids=lambda text: text[:8],
)
def test_what_is_no_prose_stays(text: str) -> None:
    """Code and tables mean their lines, and one word cannot be broken."""
    assert wrap(text) == text


def test_a_long_word_is_followed_by_a_break() -> None:
    """An address stays whole, and what comes after it is prose again."""
    address = "https://example.com/" + "x" * 200
    assert wrap(f"See {address} for more.") == f"See {SOFT_BREAK}{address} {SOFT_BREAK}for more."


@given(st.lists(st.sampled_from(["word ", "x" * 90, "\n", "河", "。", "```\n", " "])).map("".join))
def test_breaks_are_all_that_is_added(text: str) -> None:
    """Without them it is the text."""
    assert unwrap(wrap(text)) == text


def test_what_a_tool_says_stays() -> None:
    """It is data; what the model says to it is prose."""
    result = Message("tool", (ToolResult("c", (Text(PROSE),)), Text(PROSE)))
    text = render_request(Asked(messages=(result,)))
    assert text.count(PROSE) == 1
    assert unwrap(text).count(PROSE) == 2


def test_parameters_are_broken_too() -> None:
    """They are as many as the client likes."""
    asked = Asked(
        model="m",
        parameters=tuple((f"parameter_{n}", "1") for n in range(9)),
        messages=(Message("user", (Text("hi"),)),),
    )
    assert all(len(line) <= WRAP + 1 for line in render_request(asked).splitlines())
