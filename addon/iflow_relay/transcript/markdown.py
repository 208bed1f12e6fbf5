"""Conversations as Markdown, to read, to keep and to hand on; it can be read back exactly.

`# Conversation 1 · …` begins a conversation, `## 2 · user` a turn, `### 2 · …` a part of it, `####`
a part of a tool's result. A turn's first text stands below its heading as it is; see `marks` for
what keeps a text from passing for more. Arguments are JSON set out anew, or what came instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..jsontext import mend
from .marks import code, escape, fence, quote, stands_alone
from .rendering import pretty, render_usage
from .values import (
    Asked,
    Attachment,
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

_ROLE = re.compile(r"(?!answer$|end$|request$)[A-Za-z][A-Za-z0-9-]*")


def render_markdown(asked: Asked, told: Told | None, number: int = 1) -> str:
    """A conversation: what was asked, and what was answered as far as it came."""
    blocks = [*_head(asked, number)]
    for turn, message in enumerate(asked.messages, 1):
        blocks += _message(turn, message)
    turn = len(asked.messages)
    if asked.problem:
        turn += 1
        blocks += [f"## {turn} · request", *_trouble(turn, asked.problem, asked.raw)]
    if told is not None:
        blocks += _answer(turn, told)
    return mend("\n\n".join(blocks)) + "\n"


def _head(asked: Asked, number: int) -> Iterator[str]:
    words = [code(asked.model)] if asked.model else []
    yield " · ".join([f"# Conversation {number}", *words, asked.dialect])
    if asked.parameters:
        yield "Parameters: " + ", ".join(code(f"{n}={v}") for n, v in asked.parameters)
    if asked.tools:
        tools = (code(f"{tool.name}({', '.join(tool.parameters)})") for tool in asked.tools)
        yield "Tools: " + ", ".join(tools)


def _message(turn: int, message: Message) -> Iterator[str]:
    role = message.role if _ROLE.fullmatch(message.role) else code(message.role)
    yield f"## {turn} · {role} {code(message.name) if message.name else ''}".rstrip()
    yield from _parts(turn, message.parts)


def _parts(turn: int, parts: Sequence[Part]) -> Iterator[str]:
    if parts and isinstance(parts[0], Text) and stands_alone(parts[0].text):
        yield escape(parts[0].text)
        parts = parts[1:]
    for part in parts:
        yield from _part(f"### {turn}", part)


def _part(head: str, part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield from _text(f"{head} · text", text)
        case Refused(text):
            yield from _text(f"{head} · refusal", text)
        case Reasoning(text):
            yield f"{head} · reasoning"
            yield quote(text)
        case ToolCall():
            yield from _call(head, part)
        case ToolResult(id, parts, failed):
            yield f"{head} · result of {code(id)}{', failed' if failed else ''}"
            for inner in parts:
                yield from [fence(inner.text)] if isinstance(inner, Text) else _part("####", inner)
        case _:
            yield _attached(head, part)


def _text(head: str, text: str) -> Iterator[str]:
    if stands_alone(text):
        yield from (head, escape(text))
    else:
        yield from (f"{head} as it came", fence(text))


def _attached(head: str, part: Attachment | Other) -> str:
    if isinstance(part, Other):
        return f"{head} · part {code(part.kind)}, {part.size:,} letters of JSON"
    size = f", {part.size:,} bytes" if part.size is not None else ""
    address = f", {code(part.address)}" if part.address else ""
    return f"{head} · attachment {code(part.type)}{size}{address}"


def _call(head: str, call: ToolCall) -> Iterator[str]:
    yield f"{head} · tool call {code(call.name)}, id {code(call.id)}"
    shown = pretty(call.arguments)
    yield fence(shown, "json" if shown.startswith(("{", "[")) else "text")


def _answer(turn: int, told: Told) -> Iterator[str]:
    for choice in told.choices:
        turn += 1
        number = f" {choice.index}" if len(told.choices) > 1 else ""
        yield f"## {turn} · answer{number}"
        yield from _parts(turn, choice.parts())
    turn += 1
    yield f"## {turn} · end"
    words = ["stream" if told.streamed else "whole"]
    words += [f"finish: {code(choice.finish)}" for choice in told.choices if choice.finish]
    words += [f"model: {code(told.model)}"] if told.model else []
    yield " · ".join([*words, render_usage(told.usage)])
    if told.error:
        yield from _text(f"### {turn} · error", told.error)
    yield from _trouble(turn, told.broken, told.raw)


def _trouble(turn: int, problem: str, raw: str) -> Iterator[str]:
    if problem:
        yield from _text(f"### {turn} · broken", problem)
    if raw:
        yield from (f"### {turn} · as it came", fence(raw))
