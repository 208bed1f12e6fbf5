"""Bad input over HTTP/2: one stream's fault is its own, the connection's other streams go on."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.events
import pytest
from tests.e2e.asking import chat
from tests.e2e.programs import HELLO, Relay, wait_until
from tests.e2e.servers import Demo
from tests.e2e.wire import read_error, wire

BODY = b'{"model":"qwen3-coder-plus","messages":[{"role":"user","content":"hello"}]}'


class Reply(NamedTuple):
    """One stream's answer; `reset` where it broke off."""

    status: int
    body: bytes
    reset: bool


class Http2:
    """A client that sends any header fields at all."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._socket = connection
        config = h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        self._socket.sendall(self.h2.data_to_send())

    def ask(self, body: bytes | None = BODY, **changed: str | None) -> Reply:
        """One request; `changed` fields are written with _ for -, pseudo ones with a p_ before."""
        fields = {
            ":method": "POST",
            ":scheme": "https",
            ":authority": "api.openai.com",
            ":path": "/v1/chat/completions",
        }
        for name, value in changed.items():
            key = ":" + name[2:] if name.startswith("p_") else name.replace("_", "-")
            if value is None:
                del fields[key]
            else:
                fields[key] = value
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, list(fields.items()), end_stream=body is None)
        if body is not None:
            self.h2.send_data(number, body, end_stream=True)
        self.flush()
        return self.read(number)

    def read(self, number: int) -> Reply:
        """The answer on a stream."""
        status, body = 0, b""
        while True:
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the connection is closed")
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.ConnectionTerminated):
                    raise EOFError(f"the connection is closed: {event.error_code}")
                if getattr(event, "stream_id", None) != number:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers or [])[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                elif isinstance(event, h2.events.StreamReset):
                    return Reply(status, body, True)
                elif isinstance(event, h2.events.StreamEnded):
                    self.flush()
                    return Reply(status, body, False)
            self.flush()


@contextmanager
def connected(relay: Relay) -> Iterator[Http2]:
    """An HTTP/2 connection to what claims to be api.openai.com."""
    with wire(relay.proxy_port) as tunnel:
        tunnel.send(b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n")
        assert b" 200 " in tunnel.read_until(b"\r\n\r\n")
        context = relay.trust()
        context.set_alpn_protocols(["h2"])
        plain: socket.socket = tunnel.socket
        with context.wrap_socket(plain, server_hostname="api.openai.com") as secure:
            yield Http2(secure)


REFUSED: dict[str, tuple[bytes | None, dict[str, str | None], int, str]] = {
    "no JSON": (b"hello", {}, 400, "invalid_json"),
    "no body": (None, {}, 400, "invalid_json"),
    "no messages": (b"{}", {}, 400, "invalid_request"),
    "dot segments": (BODY, {"p_path": "/v1/../admin"}, 400, "invalid_path"),
    "a doubled slash": (BODY, {"p_path": "//v1/chat/completions"}, 400, "invalid_path"),
    "a hidden dot": (BODY, {"p_path": "/v1/%2e%2e/admin"}, 400, "invalid_path"),
    "an unknown path": (BODY, {"p_path": "/nowhere"}, 404, "not_found"),
    "a foreign page": (BODY, {"origin": "https://evil.example"}, 403, "forbidden_origin"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_refused_on_its_own_stream(relay: Relay, demo: Demo, name: str) -> None:
    """The error is whole, in the API's shape, and the same connection serves the next stream."""
    body, changed, status, code = REFUSED[name]
    with connected(relay) as client:
        reply = client.ask(body, **changed)
        assert (reply.status, reply.reset) == (status, False)
        assert read_error(reply.body)["code"] == code
        assert demo.requests() == []
        assert b"You said: hello" in client.ask().body


@pytest.mark.parametrize(
    "changed",
    [
        {"connection": "close"},
        {"transfer_encoding": "chunked"},
        {"p_path": ""},
        {"p_path": None},
        {"p_method": None},
        {"Upper_Case": "x"},
        {"content_length": "3"},
    ],
    ids=str,
)
def test_fields_that_http2_forbids_are_refused(
    relay: Relay, demo: Demo, changed: dict[str, Any]
) -> None:
    """By an answer, a reset stream or a closed connection; nothing is sent on."""
    with connected(relay) as client:
        try:
            reply = client.ask(**changed)
        except (EOFError, ConnectionResetError):
            pass
        else:
            assert reply.reset or reply.status == 400, reply
    assert demo.requests() == []
    relay.check_it_serves()


def test_a_reset_stream_ends_the_upstream_call_and_no_other(relay: Relay, demo: Demo) -> None:
    """A client that cancels one answer goes on with the next on the same connection."""
    before = demo.stats()
    with connected(relay) as client:
        number = client.h2.get_next_available_stream_id()
        fields = {":method": "POST", ":scheme": "https", ":path": "/v1/chat/completions"}
        fields |= {":authority": "api.openai.com", "x-demo": "silence=1, words=5"}
        client.h2.send_headers(number, list(fields.items()))
        client.h2.send_data(number, BODY[:-1] + b',"stream":true}', end_stream=True)
        client.flush()
        wait_until(lambda: demo.stats()["active"] > before["active"], "the upstream's answer")
        client.h2.reset_stream(number)
        client.flush()
        assert b"You said: hello" in client.ask().body
        wait_until(lambda: demo.stats()["hangups"] == before["hangups"] + 1, "the upstream's end")


def test_large_bodies_over_http2(relay: Relay, demo: Demo) -> None:
    """Ten megabytes pass; a body over the limit gets its 413, and the connection goes on."""
    text = "x" * (10 << 20)
    with relay.intercepted() as client:
        assert chat(client, messages=[{"role": "user", "content": text}]).status == 200
        demo.clear()
        too_large = b" " * (65 << 20)
        answer = client.post("/chat/completions", content=too_large)
        assert answer.status_code == 413
        assert read_error(answer.content)["code"] == "request_too_large"
        assert demo.requests() == []
        assert client.post("/chat/completions", json=HELLO).status_code == 200
