"""One line a call, and nothing in it that a terminal would obey."""

from __future__ import annotations

from typing import Any

import pytest

from iflow_relay.dialects.chat import Usage
from iflow_relay.mitm.call import Call, Ended
from iflow_relay.mitm.report import render_line
from iflow_relay.routing import Kind, Route
from iflow_relay.summary import printable

CHAT = Route(Kind.CHAT, "/chat/completions")


def line(asked: str = "", run: str = "", route: Route = CHAT, **values: Any) -> list[str]:
    """The parts of the line for such a call."""
    ended = {
        "status": 200,
        "error": None,
        "usage": Usage(),
        "first_token": None,
        "duration": 1.234,
        "client": "curl/8",
    }
    text = render_line("12:00:00", Ended(Call(route, asked=asked, run=run), **(ended | values)))
    assert "\n" not in text
    return text.split("  ")


def test_a_call_is_told_in_one_line() -> None:
    """Time, client, model asked and run, status, tokens, time to first token, duration."""
    assert line("gpt-4o", "glm-4.7", usage=Usage(1234, 56), first_token=0.456) == [
        "12:00:00",
        "curl/8",
        "gpt-4o \u2192 glm-4.7",
        "200",
        "1,234\u219256 tok",
        "ttft 0.46 s",
        "1.23 s",
    ]


def test_what_is_not_known_is_left_out() -> None:
    """A route without a model is told by its path."""
    parts = line(route=Route(Kind.FORWARD, "/files"))
    assert parts == ["12:00:00", "curl/8", "/files", "200", "1.23 s"]


@pytest.mark.parametrize(
    ("asked", "run", "told"),
    [("a", "a", "a"), ("a", "b", "a \u2192 b"), ("", "b", "- \u2192 b"), ("a", "", "a \u2192 -")],
)
def test_a_model_is_told_twice_where_it_was_changed(asked: str, run: str, told: str) -> None:
    """An app that named no model gets one all the same."""
    assert line(asked, run)[2] == told


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (Usage(1, 2), "1\u21922 tok"),
        (Usage(1, None), "1\u2192? tok"),
        (Usage(None, 2), "?\u21922 tok"),
        (Usage(7, 0), "7\u21920 tok"),
    ],
)
def test_tokens_that_the_upstream_did_not_count_are_a_question(usage: Usage, told: str) -> None:
    """Zero is a count, nothing is not."""
    assert line("m", "m", usage=usage)[4] == told


def test_an_error_stands_behind_the_status() -> None:
    """A call that got no answer has no status."""
    assert line("m", "m", status=429, error="rate_limited")[3:5] == ["429", "rate_limited"]
    assert line("m", "m", status=0, error="client_disconnected")[3:5] == [
        "-",
        "client_disconnected",
    ]


def test_a_first_token_at_once_is_told() -> None:
    """Zero seconds are a time."""
    assert "ttft 0.00 s" in line("m", "m", first_token=0.0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("glm-4.7", "glm-4.7"),
        ("\u6cb3\u6d41 \U0001f600", "\u6cb3\u6d41 \U0001f600"),
        ("\x1b[2J", "?[2J"),
        ("a\r\nb\tc", "a??b?c"),
        ("\x9b2J\x7f", "?2J?"),
        ("\u202egnp", "?gnp"),
        ("a\u2028b\u200bc", "a?b?c"),
        ("\ud800", "?"),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_terminal_gets_nothing_that_it_would_obey(text: str, shown: str) -> None:
    """Escapes, line breaks, reversed writing and endless names come from clients too."""
    assert printable(text) == shown


def test_every_part_that_a_client_names_is_made_printable() -> None:
    """Its program and its model are its own words."""
    text = "  ".join(line("\x1b[1m", "\x1b[2m", client="\x1b[3m", error="\x1b[4m"))
    assert "\x1b" not in text
