"""Answers of Anthropic's Messages: one message, or events that open blocks and add to them."""

from __future__ import annotations

from typing import Any

from ..refusal import read_refusal
from .fields import brief, dict_at, dicts_at, index_at, read_usage, text_at
from .pieces import ChoicePieces
from .values import Choice, Dialect, Usage


class MessagesAnswer:
    """Takes events, or one whole message."""

    dialect = Dialect.MESSAGES

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.usage = Usage()
        self.ended = False
        self._pieces = ChoicePieces()

    def take(self, document: dict[str, Any]) -> str:
        """Read one event or document; what kind of event it is."""
        kind = text_at(document, "type")
        if kind == "content_block_delta":
            self._take_delta(index_at(document, 0), dict_at(document, "delta"))
        elif kind == "content_block_start":
            self._open(index_at(document, 0), dict_at(document, "content_block"))
        elif kind == "message_start":
            self._take_message(dict_at(document, "message"))
        elif kind == "message":
            self._take_message(document)
        elif kind == "message_delta":
            self._take_end(dict_at(document, "delta"), document)
        elif kind == "error" and (refusal := read_refusal(document)):
            self.error = refusal.message
        self.ended = self.ended or kind == "message_stop"
        return kind or "other"

    def _take_message(self, message: dict[str, Any]) -> None:
        self.model = text_at(message, "model") or self.model
        self._take_end(message, message)
        for index, block in enumerate(dicts_at(message, "content")):
            self._open(index, block)

    def _take_end(self, said: dict[str, Any], counted: dict[str, Any]) -> None:
        self._pieces.finish = text_at(said, "stop_reason") or self._pieces.finish
        self.usage = read_usage(dict_at(counted, "usage"), self.usage)

    def _open(self, index: int, block: dict[str, Any]) -> None:
        kind = text_at(block, "type")
        if kind in ("tool_use", "server_tool_use"):
            # Where deltas follow, the input that the block begins with is an empty object.
            given = block.get("input")
            call = self._pieces.call(index)
            call.add(text_at(block, "id"), text_at(block, "name"), brief(given) if given else "")
        self._pieces.text.append(text_at(block, "text"))
        self._pieces.reasoning.append(text_at(block, "thinking"))

    def _take_delta(self, index: int, delta: dict[str, Any]) -> None:
        kind = text_at(delta, "type")
        if kind == "text_delta":
            self._pieces.text.append(text_at(delta, "text"))
        elif kind == "thinking_delta":
            self._pieces.reasoning.append(text_at(delta, "thinking"))
        elif kind == "input_json_delta":
            self._pieces.call(index).add("", "", text_at(delta, "partial_json"))

    def choices(self) -> tuple[Choice, ...]:
        """The one answer there is."""
        return (self._pieces.joined(),)
