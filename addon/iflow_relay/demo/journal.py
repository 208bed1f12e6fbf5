"""What the server remembers for whoever tests against it: counts, and the last requests."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..wire import Request, parse_head

KEPT_REQUESTS = 100
KEPT_BODY = 10_000
KEPT_SERVED = 20_000


@dataclass(slots=True)
class Stats:
    """Counts since the start; tokens count when an answer begins, even if it is then cut."""

    requests: int = 0
    streams: int = 0
    hangups: int = 0
    broken: int = 0
    connections: int = 0
    open: int = 0
    active: int = 0
    peak: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Cost(NamedTuple):
    """What one answer adds to the counts."""

    streams: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    user: str = ""
    """Who asked, where the request says so and the answer is not to be cut."""


class Journal:
    """The counts and the last requests of one server."""

    def __init__(self) -> None:
        self.stats = Stats()
        # Heads are read again only when somebody asks: this is on the way of every request.
        self._entries: deque[tuple[int, bytes, bytes]] = deque(maxlen=KEPT_REQUESTS)
        self._served: deque[Cost] = deque(maxlen=KEPT_SERVED)

    def record(self, head: bytes, body: bytes, cost: Cost) -> None:
        """Remember one request and what its answer costs."""
        stats = self.stats
        stats.requests += 1
        stats.streams += cost.streams
        stats.prompt_tokens += cost.prompt_tokens
        stats.completion_tokens += cost.completion_tokens
        self._entries.append((stats.requests, head, body[:KEPT_BODY]))

    def serve(self, cost: Cost) -> None:
        """Remember an answer that was said to its end, of a request that names its user."""
        if cost.user:
            self._served.append(cost)

    def served(self) -> list[dict[str, Any]]:
        """Those answers, oldest first."""
        return [cost._asdict() for cost in self._served]

    def begin(self) -> None:
        """Count an answer that takes time."""
        self.stats.active += 1
        self.stats.peak = max(self.stats.peak, self.stats.active)

    def end(self) -> None:
        """Count its end."""
        self.stats.active -= 1

    def requests(self) -> list[dict[str, Any]]:
        """The last requests, oldest first."""
        return [_entry(*entry) for entry in self._entries]

    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self.stats)

    def clear(self) -> list[dict[str, Any]]:
        """Forget the requests, and show that; the counts go on."""
        self._entries.clear()
        return self.requests()


def _entry(number: int, raw: bytes, body: bytes) -> dict[str, Any]:
    head = parse_head(raw)
    return {
        "number": number,
        "method": head.method,
        "path": head.target,
        "headers": [list(pair) for pair in head.pairs],
        "body": body.decode("utf-8", "replace"),
    }


def is_about(request: Request) -> bool:
    """Whether a request is for the journal itself, and so not a part of it."""
    return request.head.path.startswith("/demo/")
