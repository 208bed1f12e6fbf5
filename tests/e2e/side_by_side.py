"""TLS connections to a virtual host through the proxy, byte by byte and stream by stream."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
from tests.e2e.programs import HELLO, Relay
from tests.e2e.wire import Wire, wire

HOST = "api.openai.com"


@contextmanager
def tunnel(relay: Relay, port: int = 443) -> Iterator[Wire]:
    """A connection that the proxy has promised to lead to the host."""
    with wire(relay.proxy_port) as client:
        client.send(f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        assert b" 200 " in client.read_until(b"\r\n\r\n")
        yield client


@contextmanager
def secured(relay: Relay, protocol: str) -> Iterator[ssl.SSLSocket]:
    """TLS within it, for `http/1.1` or `h2`."""
    context = relay.trust()
    context.set_alpn_protocols([protocol])
    with tunnel(relay) as client:
        plain: socket.socket = client.socket
        with context.wrap_socket(plain, server_hostname=HOST) as secure:
            assert secure.selected_alpn_protocol() == protocol
            yield secure


class Streams:
    """Many requests at once on one HTTP/2 connection, and what has come of each."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._socket = connection
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._flush()
        self.arrived: list[int] = []
        """The streams of the pieces that came, in order."""
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()

    def ask(self, demo: str, **more: Any) -> int:
        """A chat call with a fault or a pace of the demo upstream's; its stream."""
        target = {":scheme": "https", ":authority": HOST, ":path": "/v1/chat/completions"}
        number = self._begin({":method": "POST", **target, "x-demo": demo})
        body = json.dumps({**HELLO, **more}).encode()
        self._h2.send_data(number, body, end_stream=True)
        self._flush()
        return number

    def open_websocket(self, path: str) -> int:
        """Ask for one, as where the server has said that it takes them; its stream."""
        target = {":scheme": "https", ":authority": HOST, ":path": path}
        return self._begin({":method": "CONNECT", ":protocol": "websocket", **target})

    def _begin(self, fields: Mapping[str, str]) -> int:
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, list(fields.items()))
        self._flush()
        self.bodies[number] = b""
        return number

    def cancel(self, number: int) -> None:
        """Have no more of a stream."""
        self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def read(self) -> None:
        """Take in what comes next."""
        data = self._socket.recv(65536)
        if not data:
            raise EOFError("the connection is closed")
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.ConnectionTerminated):
                raise EOFError(f"the connection is closed: {event.error_code!r}")
            if isinstance(event, h2.events.DataReceived):
                number = event.stream_id
                self.arrived.append(number)
                self.bodies[number] += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.reset.add(event.stream_id)
        self._flush()

    def read_to_the_end(self) -> None:
        """Take in all; raises EOFError once the connection is closed."""
        while True:
            self.read()

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())
