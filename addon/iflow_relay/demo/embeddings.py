"""Small vectors that follow from the text alone."""

from __future__ import annotations

import base64
import struct
from hashlib import blake2b
from typing import Any

DEFAULT_DIMENSIONS = 8
MAX_DIMENSIONS = 4096


def embed(body: object) -> dict[str, Any]:
    """The answer to an embeddings call; raises ValueError for one that makes no sense."""
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    texts = _read_input(body.get("input"))
    size = body.get("dimensions", DEFAULT_DIMENSIONS)
    if type(size) is not int or not 1 <= size <= MAX_DIMENSIONS:
        raise ValueError(f"dimensions must be between 1 and {MAX_DIMENSIONS}")
    render = _base64 if body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": render(_vector(text, size))}
        for index, text in enumerate(texts)
    ]
    tokens = sum(-(-len(text) // 4) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": str(body.get("model", "")), "usage": usage}


def _read_input(value: object) -> list[str]:
    """The texts; tokens, which OpenAI takes as well, are texts of numbers here."""
    if isinstance(value, list) and value:
        return [str(value)] if isinstance(value[0], int) else [str(item) for item in value]
    if isinstance(value, str) and value:
        return [value]
    raise ValueError("input must be a text or a list of texts")


def _vector(text: str, size: int) -> list[float]:
    def number(place: int) -> float:
        digest = blake2b(f"{place} {text}".encode("utf-8", "replace"), digest_size=2).digest()
        # A multiple of a power of two, so that four bytes hold it exactly.
        return int.from_bytes(digest) / 32768 - 1

    return [number(place) for place in range(size)]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
