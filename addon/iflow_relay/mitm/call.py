"""One call of a client: what is known of it while it is under way, and when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from mitmproxy import http

from ..dialects.chat import Usage
from ..dialects.chat_stream import ChatStream
from ..routing import Route
from ..session import Upstream

NOTHING_SAID = Usage()


@dataclass(slots=True)
class Call:
    """One request of a client, from its head to the end of its answer; times are monotonic."""

    route: Route
    foreign_host: bool = False
    origin: str | None = None
    begun: float = field(default_factory=time.monotonic)
    asked: str = ""
    run: str = ""
    stream: bool = False
    upstream: Upstream | None = None
    reader: ChatStream | None = None
    usage: Usage = NOTHING_SAID
    finish: str = ""
    tools: int = 0
    leave_line: Callable[[], None] | None = None

    def redact(self, text: str) -> str:
        """The text without the key that the upstream was called with."""
        key = self.upstream.key if self.upstream else None
        return key.redact(text) if key else text


class Ended(NamedTuple):
    """A call that has ended, for whoever reports on it; times in seconds."""

    call: Call
    status: int
    error: str | None
    usage: Usage
    first_token: float | None
    duration: float
    client: str
    finish: str = ""
    tools: int = 0


def client_name(flow: http.HTTPFlow) -> str:
    """The client's program as its User-Agent begins, else its address."""
    agent = str(flow.metadata.get("iflow.client", ""))
    return agent.split(" ")[0][:40] or str((flow.client_conn.peername or ("?",))[0])
