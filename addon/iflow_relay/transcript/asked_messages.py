"""Requests of Anthropic's Messages: a system text, then messages made of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fields import attachment, brief, dict_at, dicts_at, encoded, other, text_at
from .values import Attachment, Message, Other, Part, Reasoning, Text, ToolCall, ToolResult


def read_messages(document: dict[str, Any]) -> Iterator[Message]:
    """The system's text as a message of its own, then the others."""
    if system := tuple(read_blocks(document.get("system"))):
        yield Message("system", system)
    for message in dicts_at(document, "messages"):
        content = tuple(read_blocks(message.get("content")))
        yield Message(text_at(message, "role") or "?", content)


def read_blocks(content: Any) -> Iterator[Part]:
    """What a content holds: a text, or a list of blocks."""
    if isinstance(content, str):
        if content:
            yield Text(content)
    elif isinstance(content, list):
        yield from map(_block, content)


def _block(block: Any) -> Part:
    kind = text_at(block, "type")
    if kind in ("tool_use", "server_tool_use"):
        return ToolCall(text_at(block, "id"), text_at(block, "name"), brief(block.get("input")))
    if kind.endswith("tool_result"):
        parts = tuple(_plain(block.get("content")))
        return ToolResult(text_at(block, "tool_use_id"), parts, block.get("is_error") is True)
    if kind == "thinking":
        return Reasoning(text_at(block, "thinking"))
    return _leaf(block)


def _plain(content: Any) -> Iterator[Text | Attachment | Other]:
    if isinstance(content, str):
        yield Text(content)
    elif isinstance(content, list):
        yield from map(_leaf, content)


def _leaf(block: Any) -> Text | Attachment | Other:
    if isinstance(block, str):
        return Text(block)
    kind = text_at(block, "type")
    if kind == "text":
        return Text(text_at(block, "text"))
    if kind in ("image", "document"):
        source = dict_at(block, "source")
        if data := text_at(source, "data"):
            return encoded(data, text_at(source, "media_type") or kind)
        return attachment(text_at(source, "url") or text_at(source, "file_id"), kind)
    return other(block)
