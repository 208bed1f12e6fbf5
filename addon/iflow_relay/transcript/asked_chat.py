"""Requests of chat completions: messages with parts, tool calls beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fields import attachment, brief, dict_at, dicts_at, encoded, other, text_at
from .values import Attachment, Message, Other, Part, Reasoning, Refused, Text, ToolCall, ToolResult


def read_messages(document: dict[str, Any]) -> Iterator[Message]:
    """The messages in their order."""
    for message in dicts_at(document, "messages"):
        role = text_at(message, "role") or "?"
        yield Message(role, tuple(_parts(role, message)), text_at(message, "name"))


def _parts(role: str, message: dict[str, Any]) -> Iterator[Part]:
    if thought := text_at(message, "reasoning_content") or text_at(message, "reasoning"):
        yield Reasoning(thought)
    said = tuple(read_content(message.get("content")))
    if role in ("tool", "function"):
        yield ToolResult(text_at(message, "tool_call_id"), said)
    else:
        yield from said
    if refused := text_at(message, "refusal"):
        yield Refused(refused)
    yield from read_calls(message)


def read_content(content: Any) -> Iterator[Text | Attachment | Other]:
    """What a `content` holds: a text, or a list of parts."""
    if isinstance(content, str):
        if content:
            yield Text(content)
    elif isinstance(content, list):
        yield from map(_part, content)
    elif content is not None:
        yield other(content)


def _part(part: Any) -> Text | Attachment | Other:
    if isinstance(part, str):
        return Text(part)
    kind = text_at(part, "type")
    if kind == "text":
        return Text(text_at(part, "text"))
    if kind == "image_url":
        return attachment(text_at(part, "image_url") or text_at(dict_at(part, "image_url"), "url"))
    if kind == "input_audio":
        audio = dict_at(part, "input_audio")
        return encoded(text_at(audio, "data"), f"audio/{text_at(audio, 'format') or '?'}")
    if kind == "file":
        return attachment(text_at(dict_at(part, "file"), "file_data"), "file")
    return other(part)


def read_calls(message: dict[str, Any]) -> Iterator[ToolCall]:
    """The tool calls of a message, also the one of the older `function_call`."""
    calls = dicts_at(message, "tool_calls")
    for call in calls:
        function = dict_at(call, "function") or dict_at(call, "custom")
        arguments = function.get("arguments", function.get("input", ""))
        yield ToolCall(text_at(call, "id"), text_at(function, "name"), brief(arguments))
    if not calls and (function := dict_at(message, "function_call")):
        yield ToolCall("", text_at(function, "name"), brief(function.get("arguments", "")))
