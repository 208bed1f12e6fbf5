"""The requests that are sent: the same bytes to every system, so all differ in the proxy alone."""

from __future__ import annotations

import json

from iflow_relay.demo import KEY, USER_AGENT


def chat(model: str, *, stream: bool = False) -> bytes:
    """A small chat request, as a client of OpenAI's writes it."""
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Say hello, and nothing more."},
    ]
    body = json.dumps({"model": model, "messages": messages, "stream": stream}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        # What the upstream wants, since bare mitmproxy passes on what it gets.
        f"Authorization: Bearer {KEY}",
        f"User-Agent: {USER_AGENT}",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def demo_stream(words: int) -> bytes:
    """A stream of the demo upstream, all of it at once."""
    return chat(f"demo:words={words}", stream=True)


def stamped_stream(chunks: int, pause: float) -> bytes:
    """A stream whose chunks carry the time at which they were sent, so many seconds apart."""
    return chat(f"stamped:{chunks}:{pause}", stream=True)


SMALL = chat("glm-4.7")
