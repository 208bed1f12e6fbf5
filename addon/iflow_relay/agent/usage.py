"""Tokens of a turn, where an agent counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Tokens of a turn, as the agent counted them."""

    prompt: int
    completion: int
    reasoning: int | None = None
    cached: int | None = None

    def plus(self, other: Usage) -> Usage:
        """Both together; what only one of them counted is what it counted."""
        pairs = zip(self, other, strict=True)
        prompt, completion, *details = (_add(*pair) for pair in pairs)
        return Usage(prompt or 0, completion or 0, *details)


def read_usage(told: Mapping[str, Any]) -> Usage | None:
    """Tokens out of an update or an answer: in ACP's own names, Gemini's, and Qwen Code's."""
    for name in ("usage", "usageMetadata"):
        counts = told.get(name)
        if isinstance(counts, dict) and (usage := _read_counts(counts)):
            return usage
    return None


def read_whole_usage(result: Mapping[str, Any]) -> Usage | None:
    """Tokens of the whole turn, out of the answer to its prompt or what it adds to that."""
    meta = result.get("_meta")
    return read_usage(result) or (read_usage(meta) if isinstance(meta, dict) else None)


def _add(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


def _read_counts(counts: Mapping[str, Any]) -> Usage | None:
    prompt = _first(counts, "inputTokens", "promptTokenCount", "promptTokens")
    completion = _first(counts, "outputTokens", "candidatesTokenCount", "completionTokens")
    if prompt is None or completion is None:
        return None
    return Usage(
        prompt,
        completion,
        _first(counts, "thoughtTokens", "thoughtsTokenCount", "thoughtsTokens"),
        _first(counts, "cachedReadTokens", "cachedContentTokenCount", "cachedTokens"),
    )


def _first(counts: Mapping[str, Any], *names: str) -> int | None:
    values = (counts.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and v >= 0), None)
