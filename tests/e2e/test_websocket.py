"""A WebSocket to a virtual host is refused at once, in a way that lets clients use HTTP."""

from __future__ import annotations

import json

import pytest
from tests.e2e.machine import Served
from tests.e2e.programs import CLIENT_KEY, HELLO
from tests.e2e.servers import Demo
from tests.e2e.side_by_side import HOST, Streams, secured, tunnel
from tests.e2e.wire import Wire, wire

BODY = json.dumps(HELLO).encode()
CALL = (
    f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY
ADDRESSES = ("/v1/realtime?model=gpt-realtime", "/v1/responses", "/v1/nowhere")


def handshake(target: str) -> bytes:
    """What a WebSocket's client says first."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {HOST}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {CLIENT_KEY}",
        "OpenAI-Beta: realtime=v1",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def check_refused(client: Wire, target: str, demo: Demo) -> None:
    """It is told so before it could send a frame, and the connection serves on."""
    client.send(handshake(target))
    answer = client.answer("GET")
    assert (answer.status, answer.error["code"]) == (426, "websocket_unsupported")
    assert "HTTP" in answer.error["message"]
    assert not answer.closed
    assert demo.requests() == []
    client.send(CALL)
    assert client.answer().status == 200


@pytest.mark.parametrize("target", ADDRESSES)
def test_it_is_refused_over_tls(served: Served, demo: Demo, target: str) -> None:
    """As `wss://api.openai.com/…` is asked for through a proxy."""
    with secured(served.relay, "http/1.1") as connection:
        check_refused(Wire(connection), target, demo)


def test_it_is_refused_without_tls(served: Served, demo: Demo) -> None:
    """As `ws://` is asked for: by CONNECT, or as any other address."""
    with tunnel(served.relay, port=80) as client:
        check_refused(client, ADDRESSES[0], demo)
    demo.clear()
    with wire(served.relay.proxy_port) as client:
        check_refused(client, f"http://{HOST}{ADDRESSES[0]}", demo)


def test_it_is_an_error_over_http2(served: Served, demo: Demo) -> None:
    """RFC 8441 lets nobody open one that was not offered; the next connection is served."""
    with secured(served.relay, "h2") as connection:
        streams = Streams(connection)
        streams.open_websocket("/v1/realtime")
        with pytest.raises(EOFError, match="PROTOCOL_ERROR"):
            streams.read_to_the_end()
    assert demo.requests() == []
    served.relay.check_it_serves()
