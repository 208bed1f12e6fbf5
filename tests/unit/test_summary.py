"""One line on a call: what is known of it, in an order that can be read down a list."""

from __future__ import annotations

import pytest

from iflow_relay.summary import Summary, render_summary, render_tokens, tokens_per_second

STREAMED = Summary("glm-4.7", True, 200, "", 1204, 356, 0.42, 6.256, "stop")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (STREAMED, "glm-4.7 · stream · 1,204→356 tok · ttft 0.42 s · 61 tok/s · stop"),
        (Summary("m", prompt=1, completion=2, duration=3, finish="length"), "m · 1→2 tok · length"),
        (STREAMED._replace(tools=2, finish="tool_calls", completion=None, prompt=None),
         "glm-4.7 · stream · ttft 0.42 s · 2 tools · tool_calls"),
        (Summary("m", True, 502, "upstream_unreachable"), "502 upstream_unreachable · m · stream"),
        (Summary(status=0, error="client_disconnected"), "- client_disconnected"),
        (Summary(), ""),
    ],
)  # fmt: skip
def test_a_call_is_told_in_one_line(call: Summary, line: str) -> None:
    """What is not known is left out; a failure stands first, and never with a finish."""
    assert render_summary(call) == line


@pytest.mark.parametrize(
    ("prompt", "completion", "told"),
    [(1234, 56, "1,234→56 tok"), (1, None, "1→? tok"), (None, 2, "?→2 tok"), (7, 0, "7→0 tok")],
)
def test_tokens_that_nobody_counted_are_a_question(
    prompt: int | None, completion: int | None, told: str
) -> None:
    """Zero is a count, nothing is not."""
    assert render_tokens(prompt, completion) == told
    assert render_tokens(None, None) == ""


@pytest.mark.parametrize(
    "call",
    [
        STREAMED._replace(stream=False),
        STREAMED._replace(first_token=None),
        STREAMED._replace(completion=0),
        STREAMED._replace(first_token=6.256),
    ],
)
def test_a_rate_is_told_only_where_it_means_something(call: Summary) -> None:
    """An answer that came at once has no speed."""
    assert tokens_per_second(call) is None


def test_names_in_the_line_are_short_and_printable() -> None:
    """A client may name a model as it likes."""
    line = render_summary(Summary("\x1b[2J" + "x" * 999, finish="a\nb"))
    assert line == "?[2J" + "x" * 76 + " · a?b"
