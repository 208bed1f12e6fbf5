"""Conversations as plain text, calm enough to read in a terminal and in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..jsontext import mend
from .table import render_table
from .values import (
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
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from .wrapping import unwrap, wrap

WIDTH = 72
"""Letters of a rule."""

MAX_LINE = 60
"""Letters that are shown of a message that was there before."""

MAX_PRETTY = 1 << 20
"""Letters of arguments that are set out anew; longer ones stay as they came."""


def render_request(asked: Asked, known: int = 0) -> str:
    """A request; of its messages the first `known` on one line each, as they were sent before."""
    lines = [wrap(_head(asked.model, asked.dialect, *(f"{n}={v}" for n, v in asked.parameters)))]
    if asked.tools:
        lines.append(wrap("tools: " + ", ".join(map(_tool, asked.tools))))
    known = max(0, min(known, len(asked.messages)))
    if known:
        turns = "message" if known == 1 else "messages"
        lines += ["", f"… {known:,} earlier {turns} as before …"]
        lines += [_brief(message) for message in asked.messages[:known]]
    for message in asked.messages[known:]:
        lines += ["", *_message(message)]
    return _finish(lines, asked.problem, asked.raw)


def render_answer(told: Told, times: str = "") -> str:
    """An answer, and below it its usage and its events; `times` is a line about when they came."""
    how = "stream" if told.streamed else "whole"
    lines = [_head(told.model, told.dialect, how, *_finishes(told.choices))]
    if told.error:
        lines += ["", _rule("error"), wrap(told.error)]
    for choice in told.choices:
        lines += _choice(choice, several=len(told.choices) > 1)
    if any(count is not None for count in told.usage):
        lines += ["", _rule("usage"), render_usage(told.usage)]
    if told.events:
        lines += ["", _rule("events"), *render_table(told.events)]
        lines += [times] if times else []
    return _finish(lines, told.broken, told.raw)


def render_call(call: ToolCall) -> str:
    """A tool call: its name, its id, and its arguments set out as JSON where they are any."""
    id = f"  ({call.id})" if call.id else ""
    arguments = f"\n{_indent(pretty(call.arguments))}" if call.arguments else ""
    return f"→ {call.name or '?'}{id}{arguments}"


def render_usage(usage: Usage) -> str:
    """Token counts on one line."""
    words = []
    if usage.prompt is not None:
        cached = f" ({usage.cached:,} cached)" if usage.cached is not None else ""
        words.append(f"{usage.prompt:,} in{cached}")
    if usage.completion is not None:
        thought = f" ({usage.reasoning:,} reasoning)" if usage.reasoning is not None else ""
        words.append(f"{usage.completion:,} out{thought}")
    if usage.prompt is not None and usage.completion is not None:
        words.append(f"{usage.prompt + usage.completion:,} in all")
    return "tokens: " + (" · ".join(words) or "not said")


def pretty(arguments: str) -> str:
    """Arguments set out over lines; as they came where they are no JSON object or list."""
    if len(arguments) > MAX_PRETTY:
        return arguments
    try:
        value = json.loads(arguments)
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        pass
    return arguments


def _finish(lines: Sequence[str], problem: str, raw: str) -> str:
    tail = ["", _rule("broken"), problem] if problem else []
    tail += ["", _rule("as it came"), raw] if raw else []
    return mend("\n".join([*lines, *tail])) + "\n"


def _head(*words: str) -> str:
    return " · ".join(word for word in words if word)


def _rule(title: str) -> str:
    return f"── {title} ".ljust(WIDTH, "─")


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))


def _tool(tool: Tool) -> str:
    return f"{tool.name}({', '.join(tool.parameters)})"


def _message(message: Message) -> Iterator[str]:
    yield _rule(f"{message.role} ({message.name})" if message.name else message.role)
    yield from map(_part, message.parts)


def _part(part: Part) -> str:
    match part:
        case Text(text):
            return wrap(text)
        case Reasoning(text):
            return f"reasoning:\n{_indent(wrap(text))}"
        case Refused(text):
            return f"refusal: {wrap(text)}"
        case ToolCall():
            return render_call(part)
        case ToolResult(id, parts, failed):
            title = f"← {id or 'result'}{' (failed)' if failed else ''}"
            # What a tool says is data, whose lines mean something.
            said = (one.text if isinstance(one, Text) else _part(one) for one in parts)
            return "\n".join([title, *map(_indent, said)])
        case Attachment(type, size, address):
            return f"[{_head(type, f'{size:,} bytes' if size is not None else '', address)}]"
        case Other(kind, size):
            return f"[{kind} · {size:,} letters of JSON]"


def _brief(message: Message) -> str:
    """A message on one line."""
    text = " ".join(unwrap(_part(part)[: MAX_LINE * 4]) for part in message.parts[:4])
    text = " ".join(text.split())
    short = text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"
    return f"  {message.role}: {short}"


def _finishes(choices: Sequence[Choice]) -> Iterator[str]:
    for choice in choices:
        if choice.finish:
            yield f"finish={choice.finish}"


def _choice(choice: Choice, *, several: bool) -> Iterator[str]:
    number = f" {choice.index}" if several else ""
    if choice.reasoning:
        yield from ("", _rule(f"reasoning{number}"), wrap(choice.reasoning))
    if choice.text:
        yield from ("", _rule(f"assistant{number}"), wrap(choice.text))
    if choice.refusal:
        yield from ("", _rule(f"refusal{number}"), wrap(choice.refusal))
    if choice.calls:
        yield from ("", _rule(f"tool calls{number}"), *map(render_call, choice.calls))
