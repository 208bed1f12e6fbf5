"""Answers of chat completions: choices with messages, or chunks with deltas."""

from __future__ import annotations

from typing import Any

from ..refusal import read_refusal
from .asked_chat import read_content
from .fields import brief, dict_at, dicts_at, index_at, read_usage, text_at
from .pieces import ChoicePieces
from .values import Choice, Dialect, Text, Usage

NAMES = ("tool_calls", "reasoning_content", "reasoning", "content", "refusal", "function_call")
"""What a delta can bring, in the order in which an event is named after it."""


class ChatAnswer:
    """Takes chunks, or one whole completion."""

    dialect = Dialect.CHAT

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.usage = Usage()
        self.ended = False
        self._choices: dict[int, ChoicePieces] = {}

    def take(self, document: dict[str, Any]) -> str:
        """Read one document; what kind of event it is."""
        choices = document.get("choices")
        if not self.model:
            self.model = text_at(document, "model")
        kind = self._take_rest(document) if len(document) > 1 or not choices else ""
        if not isinstance(choices, list):
            return kind or "other"
        for choice in choices:
            if isinstance(choice, dict):
                kind = self._take_choice(choice) or kind
        return kind or "start"

    def _take_rest(self, document: dict[str, Any]) -> str:
        kind = ""
        if isinstance(usage := document.get("usage"), dict) and usage:
            self.usage, kind = read_usage(usage, self.usage), "usage"
        if ("error" in document or not document.get("choices")) and (
            refusal := read_refusal(document)
        ):
            self.error, kind = refusal.message, "error"
        return kind

    def _take_choice(self, choice: dict[str, Any]) -> str:
        index = index_at(choice, 0)
        pieces = self._choices.get(index) or self._choices.setdefault(index, ChoicePieces())
        said = choice.get("delta") or choice.get("message")
        kind = _add(pieces, said) if isinstance(said, dict) else ""
        if finish := choice.get("finish_reason"):
            pieces.finish = brief(finish)
            self.ended = True
            return kind or "finish"
        return kind

    def choices(self) -> tuple[Choice, ...]:
        """The choices in the order of their indexes."""
        return tuple(pieces.joined(index) for index, pieces in sorted(self._choices.items()))


def _add(pieces: ChoicePieces, said: dict[str, Any]) -> str:
    """Put a delta, or a whole message, behind what there is; what it was about."""
    content = said.get("content")
    if isinstance(content, str):
        pieces.text.append(content)
        if len(said) == 1:
            return "content" if content else ""
    elif content:
        pieces.text += [part.text for part in read_content(content) if isinstance(part, Text)]
    thought = said.get("reasoning_content") or said.get("reasoning")
    if isinstance(thought, str):
        pieces.reasoning.append(thought)
    if isinstance(refused := said.get("refusal"), str):
        pieces.refusal.append(refused)
    for call in dicts_at(said, "tool_calls"):
        _add_call(pieces, call)
    if function := dict_at(said, "function_call"):
        pieces.call("function").add("", text_at(function, "name"), text_at(function, "arguments"))
    return next((name for name in NAMES if said.get(name)), "")


def _add_call(pieces: ChoicePieces, call: dict[str, Any]) -> None:
    """A fragment belongs to its index; without one, an id begins a call and no id goes on."""
    id, function = text_at(call, "id"), dict_at(call, "function") or dict_at(call, "custom")
    last = next(reversed(pieces.calls), 0)
    key = call.get("index")
    if not isinstance(key, int):
        known = not id or (last in pieces.calls and pieces.calls[last].id == id)
        key = last if known else len(pieces.calls)
    arguments = function.get("arguments", function.get("input", ""))
    pieces.call(key).add(id, text_at(function, "name"), brief(arguments) if arguments else "")
