"""Requests of the Responses API: instructions, then items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fields import attachment, brief, dicts_at, other, text_at
from .values import Attachment, Message, Other, Part, Reasoning, Refused, Text, ToolCall, ToolResult


def read_messages(document: dict[str, Any]) -> Iterator[Message]:
    """Instructions as the system's message, then one message for each item."""
    if instructions := text_at(document, "instructions"):
        yield Message("system", (Text(instructions),))
    given = document.get("input")
    if isinstance(given, str):
        yield Message("user", (Text(given),))
    for item in dicts_at(document, "input"):
        yield _message(item)


def _message(item: dict[str, Any]) -> Message:
    kind = text_at(item, "type")
    if kind == "reasoning":
        return Message("assistant", (Reasoning(read_summary(item)),))
    if kind in ("function_call", "custom_tool_call"):
        return Message("assistant", (read_call(item),))
    if kind.endswith("_call_output"):
        result = ToolResult(text_at(item, "call_id"), tuple(_results(item.get("output"))))
        return Message("tool", (result,))
    if kind in ("", "message"):
        return Message(text_at(item, "role") or "?", tuple(_content(item.get("content"))))
    return Message("assistant" if kind.endswith("_call") else "input", (other(item),))


def read_call(item: dict[str, Any]) -> ToolCall:
    """A call as the item that it is; what came is its arguments or its input."""
    arguments = item.get("arguments", item.get("input", ""))
    return ToolCall(text_at(item, "call_id"), text_at(item, "name"), brief(arguments))


def read_summary(item: dict[str, Any]) -> str:
    """What a reasoning item lets be read: the reasoning itself, else its summary."""
    parts = dicts_at(item, "content") or dicts_at(item, "summary")
    return "\n\n".join(text_at(part, "text") for part in parts)


def _content(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        yield Text(content)
    elif isinstance(content, list):
        yield from map(_part, content)


def _results(output: Any) -> Iterator[Text | Attachment | Other]:
    for part in _content(output):
        if isinstance(part, Text | Attachment | Other):
            yield part


def _part(part: Any) -> Text | Refused | Attachment | Other:
    if isinstance(part, str):
        return Text(part)
    kind = text_at(part, "type")
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return Text(text_at(part, "text"))
    if kind == "refusal":
        return Refused(text_at(part, "refusal"))
    if kind == "input_image":
        return attachment(text_at(part, "image_url") or text_at(part, "file_id"))
    if kind == "input_file":
        where = text_at(part, "file_data") or text_at(part, "file_url") or text_at(part, "file_id")
        return attachment(where, "file")
    return other(part)
