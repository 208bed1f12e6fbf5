"""One chat call and all that came back, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2
from tests.e2e.programs import CLIENT_KEY, HELLO
from tests.e2e.wire import read_error

DONE = "[DONE]"


class Told(NamedTuple):
    """What a client was told; `events` are the data of a stream's events."""

    status: int
    headers: httpx2.Headers
    body: bytes
    events: list[str]

    @property
    def error(self) -> dict[str, Any]:
        """The error in the body or, in a stream, its last event; fails where there is none."""
        return read_error(self.events[-1] if self.events else self.body)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The events that are JSON."""
        return [json.loads(event) for event in self.events if event != DONE]

    @property
    def text(self) -> str:
        """What the model said in its first choice."""
        if self.events:
            choices = [chunk["choices"][0] for chunk in self.chunks if chunk["choices"]]
            return "".join(choice["delta"].get("content") or "" for choice in choices)
        return str(json.loads(self.body)["choices"][0]["message"]["content"])


def chat(
    client: httpx2.Client,
    fault: str = "",
    *,
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Told:
    """Ask, with a fault of the demo upstream's table if one is named."""
    sent = {"Authorization": f"Bearer {CLIENT_KEY}"} | ({"x-demo": fault} if fault else {})
    body = HELLO | ({"stream": True} if stream else {}) | more
    answer = client.post("/chat/completions", json=body, headers=sent | dict(headers or {}))
    is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
    events = read_events(answer.content) if is_stream else []
    return Told(answer.status_code, answer.headers, answer.content, events)


def read_events(body: bytes) -> list[str]:
    """The data of each event, as the WHATWG's decoder reads them."""
    text = body.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    events = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        if any(lines):
            events.append("\n".join(lines))
    return events
