"""One call of a client: what is known of it while it is under way, and when it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from mitmproxy import http

from ..credential import Secret
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
    began: float = field(default_factory=time.time)
    """The same in seconds since 1970."""
    asked: str = ""
    run: str = ""
    stream: bool = False
    upstream: Upstream | None = None
    key: Secret | None = None
    """What the upstream is called with; known also once the call is refused, so that none shows."""
    reader: ChatStream | None = None
    usage: Usage = NOTHING_SAID
    finish: str = ""
    tools: int = 0
    leave_line: Callable[[], None] | None = None
    patience: float = 0
    """Seconds for which its upstream may be silent; 0 where the option says so."""
    key_mark: str = ""
    """A digest of the local key that was presented, where there are any."""
    own: float | None = 0.0
    """Seconds that the relay itself has taken; None where it had to wait for something."""
    replayed: bool = False
    """Whether a recording answers it, so that nothing is spent."""

    def redact(self, text: str) -> str:
        """The text without the key that the upstream was called with."""
        return self.key.redact(text) if self.key else text


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
    host: str = ""
    """The name by which the relay was called."""
    received: int = 0
    """Bytes of the request's body as the upstream got them."""
    sent: int = 0
    """Bytes of the answer's body that the client got."""


SENT = "iflow.bytes.sent"
"""Metadata: bytes of a streamed answer's body that went to the client."""

BODIES = "iflow.bodies"
"""Metadata: `dropped` where bodies that were kept had to make room for newer ones."""

PACING = "iflow.pacing"
"""Metadata: when the pieces of a streamed answer that was kept went out (`pacing.Pacing`)."""


def end_call(flow: http.HTTPFlow, call: Call) -> Ended:
    """What became of a call, now that it is over."""
    reader, response = call.reader, flow.response
    error = flow.metadata.get("iflow.error")
    if reader and reader.failure:
        error = reader.failure.code
    elif flow.error and not error:
        error = "client_disconnected"
    first = reader.first_token_at - call.begun if reader and reader.first_token_at else None
    whole = response.raw_content if response and not response.stream else None
    return Ended(
        call,
        response.status_code if response else 0,
        error,
        reader.usage if reader else call.usage,
        first,
        time.monotonic() - call.begun,
        client_name(flow),
        finish=reader.reason if reader else call.finish,
        tools=len(reader.tools) if reader else call.tools,
        host=str(flow.metadata.get("iflow.host", "")),
        received=len(flow.request.raw_content or b""),
        sent=int(flow.metadata.get(SENT, 0)) or len(whole or b""),
    )


def client_name(flow: http.HTTPFlow) -> str:
    """The client's program as its User-Agent begins, else its address."""
    agent = str(flow.metadata.get("iflow.client", ""))
    return agent.split(" ")[0][:40] or str((flow.client_conn.peername or ("?",))[0])
