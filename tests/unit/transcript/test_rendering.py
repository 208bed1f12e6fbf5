"""Conversations as text: the whole look of each case, and what is set out or cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from iflow_relay.transcript.reading import read_answer, read_request
from iflow_relay.transcript.rendering import (
    pretty,
    render_answer,
    render_call,
    render_request,
    render_usage,
)
from iflow_relay.transcript.values import Asked, Choice, Message, Text, Told, ToolCall, Usage
from iflow_relay.transcript.wrapping import unwrap

CASES = Path(__file__).parents[2] / "cases" / "transcript"
BODIES = sorted(path for path in CASES.iterdir() if path.suffix in (".json", ".sse"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_a_conversation_looks_like_this(path: Path) -> None:
    """Beside each body lies the text that is shown for it."""
    body = path.read_bytes()
    is_request = ".request." in path.name
    text = render_request(read_request(body)) if is_request else render_answer(read_answer(body))
    assert text == (path.parent / f"{path.name}.txt").read_text("utf-8")


def test_earlier_messages_take_one_line_each() -> None:
    """What was sent before is named; what is new is shown whole."""
    long = "word " * 100
    roles = ("system", "user", "assistant", "user")
    asked = Asked(model="m", messages=tuple(Message(role, (Text(long),)) for role in roles))
    lines = render_request(asked, known=3).splitlines()
    assert "… 3 earlier messages as before …" in lines
    assert [line for line in lines if line.startswith("  ")] == [
        f"  {role}: {long[:60]}…" for role in roles[:3]
    ]
    assert [line.split()[1] for line in lines if line.startswith("──")] == ["user"]
    assert long in unwrap("\n".join(lines))


@pytest.mark.parametrize("known", [-1, 0, 9])
def test_a_wrong_number_of_earlier_messages_is_put_right(known: int) -> None:
    """The number comes from a flow's metadata, where anything may stand."""
    asked = Asked(model="m", messages=(Message("user", (Text("hi"),)),))
    assert "hi" in render_request(asked, known)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"a":1}', '{\n  "a": 1\n}'),
        ('{"a":"河"}', '{\n  "a": "河"\n}'),
        ('{"a":', '{"a":'),
        ("", ""),
        ("12", "12"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_arguments_are_set_out_where_they_are_json(arguments: str, shown: str) -> None:
    """Others stay as the model wrote them."""
    assert pretty(arguments) == shown


@pytest.mark.parametrize(
    ("usage", "line"),
    [
        (Usage(), "tokens: not said"),
        (Usage(1204), "tokens: 1,204 in"),
        (Usage(5, 7), "tokens: 5 in · 7 out · 12 in all"),
        (Usage(5, 7, 0, 3), "tokens: 5 in (0 cached) · 7 out (3 reasoning) · 12 in all"),
    ],
)
def test_usage_is_one_line(usage: Usage, line: str) -> None:
    """What nobody said is left out; a said nought is shown."""
    assert render_usage(usage) == line


def test_several_answers_are_numbered() -> None:
    """One alone is not."""
    told = Told(choices=(Choice(0, "yes"), Choice(1, "no")))
    text = render_answer(told)
    assert "── assistant 0 ─" in text
    assert "── assistant 1 ─" in text


def test_what_cannot_be_read_is_shown_as_it_came() -> None:
    """Below the reason."""
    text = render_answer(read_answer(b'{"choices": [{"mess'))
    assert text.endswith('{"choices": [{"mess\n')
    assert "cut off" in text


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("", "→ x  (c)"), ('{"a": ', '→ x  (c)\n  {"a": '), ("\n", "→ x  (c)\n  \n  ")],
)
def test_a_call_ends_where_its_arguments_do(arguments: str, shown: str) -> None:
    """Arguments that broke off are shown to their last letter."""
    assert render_call(ToolCall("c", "x", arguments)) == shown
