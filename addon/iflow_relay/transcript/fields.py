"""Small tolerant readers: whatever JSON holds, a value of the kind that was asked for."""

from __future__ import annotations

import json
import re
from typing import Any

from .values import Attachment, Other, Usage

MAX_ADDRESS = 120
"""Letters of an attachment's address that are shown: what follows is query and signature."""

_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
_DATA_URL = re.compile(r"data:([^;,]{0,100})[^,]{0,200},")


def text_at(source: Any, name: str) -> str:
    """A text, "" where there is none."""
    value = source.get(name) if isinstance(source, dict) else None
    return value if isinstance(value, str) else ""


def dict_at(source: Any, name: str) -> dict[str, Any]:
    """An object, an empty one where there is none."""
    value = source.get(name) if isinstance(source, dict) else None
    return value if isinstance(value, dict) else {}


def dicts_at(source: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list."""
    value = source.get(name) if isinstance(source, dict) else None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def count_at(source: Any, *names: str) -> int | None:
    """The first number that stands under one of the names."""
    for name in names:
        value = source.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def index_at(source: dict[str, Any], default: int, name: str = "index") -> int:
    """A position."""
    value = source.get(name)
    return value if isinstance(value, int) else default


def brief(value: Any) -> str:
    """Any value as JSON on one line; a text as it is."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "…"


def other(part: Any, kind: str = "") -> Other:
    """A part that is only counted."""
    return Other(kind or text_at(part, "type") or "unknown", len(brief(part)))


def attachment(address: str, type: str = "image") -> Attachment:
    """What an address says of a file; one that holds the file itself gives type and size."""
    if found := _DATA_URL.match(address):
        return Attachment(found[1] or type, _decoded_size(address, found.end()))
    return Attachment(type, None, address.split("?")[0][:MAX_ADDRESS])


def encoded(data: str, type: str) -> Attachment:
    """A file that stands in the request as base64."""
    return Attachment(type, _decoded_size(data, 0))


def _decoded_size(text: str, start: int) -> int:
    """Bytes of base64 from `start` on."""
    padding = len(text) - len(text.rstrip("=")) if text.endswith("=") else 0
    return max(0, (len(text) - start - min(padding, 2)) * 3 // 4)


def read_usage(usage: dict[str, Any], before: Usage) -> Usage:
    """Token counts under the names of any dialect; what is not said stays as `before`."""
    prompt = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    answer = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    cached = count_at(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
    asked = count_at(usage, "prompt_tokens", "input_tokens")
    if asked is not None:
        # Anthropic counts beside the others what it has read from its cache, or put there.
        asked += sum(count_at(usage, name) or 0 for name in _BESIDE)
    found = Usage(
        asked,
        count_at(usage, "completion_tokens", "output_tokens"),
        count_at(prompt, "cached_tokens") if isinstance(prompt, dict) else cached,
        count_at(answer, "reasoning_tokens") if isinstance(answer, dict) else None,
    )
    return Usage(*(b if a is None else a for a, b in zip(found, before, strict=True)))
