"""Answers of the Responses API: one document, or events that name what they add to."""

from __future__ import annotations

from typing import Any

from ..refusal import read_refusal
from .asked_responses import read_call, read_summary
from .fields import dict_at, dicts_at, read_usage, text_at
from .pieces import ChoicePieces
from .values import Choice, Dialect, Usage

ENDS = ("response.completed", "response.failed", "response.incomplete")

CALLS = ("function_call", "custom_tool_call")


class ResponsesAnswer:
    """Takes events, or one whole response.

    Its items may grow by turns; each is known by its place. The response that the last event
    repeats counts only where nothing came before it.
    """

    dialect = Dialect.RESPONSES

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.usage = Usage()
        self.ended = False
        self._finish = ""
        self._items: dict[str, ChoicePieces] = {}

    def take(self, document: dict[str, Any]) -> str:
        """Read one event or document; what kind of event it is."""
        kind = text_at(document, "type")
        if not kind:
            self._take_response(document)
            return text_at(document, "object") or "other"
        if kind.endswith(".delta"):
            self._take_delta(kind, document)
        elif kind == "response.output_item.added":
            self._open(document, dict_at(document, "item"))
        elif kind == "response.output_item.done":
            self._close(document, dict_at(document, "item"))
        elif kind == "error":
            self._fail(document if "error" in document else {"error": document})
        elif isinstance(response := document.get("response"), dict):
            self.ended = self.ended or kind in ENDS
            self._take_response(response)
        return kind

    def _take_delta(self, kind: str, event: dict[str, Any]) -> None:
        delta, pieces = text_at(event, "delta"), self._item(event)
        if kind == "response.output_text.delta":
            pieces.text.append(delta)
        elif kind == "response.refusal.delta":
            pieces.refusal.append(delta)
        elif kind.startswith("response.reasoning"):
            pieces.reasoning.append(delta)
        elif kind in (
            "response.function_call_arguments.delta",
            "response.custom_tool_call_input.delta",
        ):
            pieces.call(0).add("", "", delta)

    def _item(self, event: dict[str, Any]) -> ChoicePieces:
        """What the event is about, by its place or else by its name."""
        index = event.get("output_index")
        key = str(index) if isinstance(index, int) else text_at(event, "item_id")
        return self._items.get(key) or self._items.setdefault(key, ChoicePieces())

    def _open(self, event: dict[str, Any], item: dict[str, Any]) -> None:
        pieces = self._item(event)
        if text_at(item, "type") in CALLS:
            call = read_call(item)
            pieces.call(0).add(call.id, call.name, call.arguments)

    def _close(self, event: dict[str, Any], item: dict[str, Any]) -> None:
        """Some upstreams say a call's arguments at its end alone."""
        if text_at(item, "type") in CALLS and not any(self._item(event).call(0).arguments):
            self._open(event, item)

    def _take_response(self, response: dict[str, Any]) -> None:
        self.model = text_at(response, "model") or self.model
        self.usage = read_usage(dict_at(response, "usage"), self.usage)
        status = text_at(response, "status")
        if status not in ("in_progress", "queued"):
            reason = text_at(dict_at(response, "incomplete_details"), "reason")
            self._finish = f"{status}: {reason}" if reason else status
        if response.get("error"):
            self._fail(response)
        if not any(pieces.says_anything for pieces in self._items.values()):
            self._items.clear()
            for position, item in enumerate(dicts_at(response, "output")):
                self._take_item({"output_index": position}, item)

    def _take_item(self, event: dict[str, Any], item: dict[str, Any]) -> None:
        kind, pieces = text_at(item, "type"), self._item(event)
        if kind == "reasoning":
            pieces.reasoning.append(read_summary(item))
        elif kind in CALLS:
            self._open(event, item)
        for part in dicts_at(item, "content") if kind == "message" else ():
            pieces.text.append(text_at(part, "text"))
            pieces.refusal.append(text_at(part, "refusal"))

    def _fail(self, document: dict[str, Any]) -> None:
        if refusal := read_refusal(document):
            self.error = refusal.message

    def choices(self) -> tuple[Choice, ...]:
        """The one answer there is."""
        whole = ChoicePieces()
        whole.finish = self._finish
        for number, pieces in enumerate(self._items.values()):
            whole.text += pieces.text
            whole.reasoning += pieces.reasoning
            whole.refusal += pieces.refusal
            if pieces.calls:
                whole.calls[number] = pieces.call(0)
        return (whole.joined(),)
