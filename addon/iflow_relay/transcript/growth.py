"""What of a request its client has sent before: a conversation grows at its end."""

from __future__ import annotations

from collections import OrderedDict
from itertools import takewhile

from .values import Asked

MAX_KNOWN = 256
"""Conversations that are remembered, of all clients together: each costs some bytes a message."""


def new_turns(previous: Asked, current: Asked) -> int:
    """How many messages at the front of both requests are the same."""
    pairs = zip(previous.messages, current.messages, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def chain(asked: Asked) -> tuple[int, ...]:
    """One number for each message that stands for it and all before it."""
    links: list[int] = []
    for message in asked.messages:
        links.append(hash((links[-1] if links else 0, message)))
    return tuple(links)


class Growth:
    """Remembers by numbers alone what each client asked last; no text is kept."""

    def __init__(self, size: int = MAX_KNOWN) -> None:
        self._size = size
        self._seen: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def note(self, client: str, asked: Asked) -> int:
        """How many messages are those of an earlier request of this client, which they go on from.

        A request that says the same once more goes on from nothing but what came before it.
        """
        links = chain(asked)
        lengths = range(len(links) - 1, 0, -1)
        known = next((n for n in lengths if (client, n, links[n - 1]) in self._seen), 0)
        if links:
            key = client, len(links), links[-1]
            self._seen[key] = None
            self._seen.move_to_end(key)
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)
        return known
