"""One line on a call that has ended, as it stands in a list of calls."""

from __future__ import annotations

from typing import NamedTuple

MAX_PART = 80
"""Letters of one part: names come from clients and upstreams, and may be endless."""


class Summary(NamedTuple):
    """What is known of a call; times in seconds, tokens None where nobody counted.

    `status` is 0 where no answer came, `error` the code of what went wrong.
    """

    model: str = ""
    stream: bool = False
    status: int = 200
    error: str = ""
    prompt: int | None = None
    completion: int | None = None
    first_token: float | None = None
    duration: float = 0.0
    finish: str = ""
    tools: int = 0


def render_summary(call: Summary) -> str:
    """Like `glm-4.7 · stream · 1,204→356 tok · ttft 0.42 s · 61 tok/s · stop`; failures first."""
    failure = f"{call.status or '-'} {call.error}" if call.error else ""
    rate = tokens_per_second(call)
    parts = (
        failure,
        call.model,
        "stream" if call.stream else "",
        render_tokens(call.prompt, call.completion),
        f"ttft {call.first_token:.2f} s" if call.first_token is not None else "",
        f"{rate:,.0f} tok/s" if rate is not None else "",
        f"{call.tools} tools" if call.tools > 1 else "",
        "" if call.error else call.finish,
    )
    return " · ".join(printable(part) for part in parts if part)


def tokens_per_second(call: Summary) -> float | None:
    """How fast a stream came once it had begun; None where that cannot be said."""
    if not call.completion or call.first_token is None or not call.stream:
        return None
    seconds = call.duration - call.first_token
    return call.completion / seconds if seconds >= 0.001 else None


def render_tokens(prompt: int | None, completion: int | None) -> str:
    """Like `1,204→356 tok`; empty where nothing was counted."""
    if not (prompt or completion):
        return ""
    return f"{_count(prompt)}→{_count(completion)} tok"


def printable(text: str) -> str:
    """The text with nothing in it that a terminal would obey: it comes from a client."""
    if text.isprintable():
        return text[:MAX_PART]
    return "".join(letter if letter.isprintable() else "?" for letter in text[:MAX_PART])


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
