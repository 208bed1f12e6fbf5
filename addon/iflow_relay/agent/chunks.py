"""An agent's answer in OpenAI's shapes: chunks of a stream, or one completion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from .telling import Ending, Piece
from .usage import Usage

_FIELDS: Final = {"content": "content", "reasoning": "reasoning_content"}


class Completion(NamedTuple):
    """What all parts of one answer have in common."""

    id: str
    created: int
    model: str
    include_usage: bool

    def opening(self) -> dict[str, Any]:
        """The first chunk, which says who speaks."""
        return self._chunk([_choice({"role": "assistant", "content": ""})])

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """A piece of the answer."""
        return self._chunk([_choice({_FIELDS[piece.kind]: piece.text})])

    def closing(self, ending: Ending) -> list[dict[str, Any]]:
        """The last chunks: how it ended and, where it was asked for, the usage."""
        delta = {"refusal": ending.refusal} if ending.refusal else {}
        chunks = [self._chunk([_choice(delta, ending.finish)])]
        if self.include_usage:
            # An agent that counts nothing is not said to have used nothing.
            usage = render_usage(ending.usage) if ending.usage else None
            chunks.append(self._chunk([]) | {"usage": usage})
        return chunks

    def whole(self, pieces: Iterable[Piece], ending: Ending) -> dict[str, Any]:
        """The answer in one piece."""
        texts: dict[str, list[str]] = {"content": [], "reasoning": []}
        for piece in pieces:
            texts[piece.kind].append(piece.text)
        content, reasoning = map("".join, texts.values())
        message: dict[str, Any] = {"role": "assistant", "content": content}
        message["refusal"] = ending.refusal
        if reasoning:
            message["reasoning_content"] = reasoning
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ending.finish}
        usage = {"usage": render_usage(ending.usage)} if ending.usage else {}
        return self._head("chat.completion") | {"choices": [choice]} | usage

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return self._head("chat.completion.chunk") | {"choices": choices}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def render_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage; details only where they were counted."""
    document: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    if usage.cached is not None:
        document["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning is not None:
        document["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return document


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}
