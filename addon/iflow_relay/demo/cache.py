"""Whole answers by the bytes of the whole request, so that a bench measures somebody else."""

from __future__ import annotations

from typing import NamedTuple

from .journal import Cost

CACHE_BYTES = 16 * 1024 * 1024
# Large requests rarely come twice, and hashing them costs more than it saves.
CACHED_REQUEST = 64 * 1024
# One large answer should not drive out all the others.
CACHED_ANSWER = 1024 * 1024


class CachedAnswer(NamedTuple):
    """The bytes of an answer, and the request's head and body for the journal."""

    head: bytes
    body: bytes
    answer: bytes
    cost: Cost


class Cache:
    """Whole answers by the bytes of the whole request; the oldest go when it is full."""

    def __init__(self) -> None:
        self._entries: dict[bytes, CachedAnswer] = {}
        self._room = CACHE_BYTES

    def get(self, request: bytes) -> CachedAnswer | None:
        """What was answered to these bytes."""
        return self._entries.get(request) if len(request) <= CACHED_REQUEST else None

    def put(self, entry: CachedAnswer) -> None:
        """Remember an answer."""
        key = entry.head + entry.body
        if len(key) > CACHED_REQUEST or len(entry.answer) > CACHED_ANSWER or key in self._entries:
            return
        self._entries[key] = entry
        self._room -= len(key) + len(entry.answer)
        while self._room < 0:
            oldest = next(iter(self._entries))
            self._room += len(oldest) + len(self._entries.pop(oldest).answer)
