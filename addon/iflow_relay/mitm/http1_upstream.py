"""The upstream's side of HTTP/1: interim answers and trailers are read over, not stumbled upon.

mitmproxy 12 takes a 103 for the answer itself and fails on a trailer; both are legal (RFC 9110,
sections 15.2 and 6.5), and servers behind a CDN send them.
"""

from __future__ import annotations

from typing import Any

import h11
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    Http2Client,
    HttpClient,
    RegisterHttpConnection,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Client

from .http1 import WithoutTrailers


class RelayHttp1Client(Http1Client):
    """mitmproxy's HTTP/1 client, for upstreams that use more of HTTP than it does."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but all that one read brought of a body goes on as one piece."""
        if not isinstance(event, events.DataReceived) or self.state != self.read_body:
            yield from super().handle_event(event)
            return
        assert self.stream_id is not None
        self.buf += event.data
        pieces: list[bytes] = []
        broken: h11.ProtocolError | None = None
        piece: Any = None
        try:
            while isinstance(piece := self.body_reader(self.buf), h11.Data):
                pieces.append(piece.data)
        except h11.ProtocolError as error:
            broken = error
        if body := b"".join(pieces):
            yield ReceiveHttp(ResponseData(self.stream_id, body))
        if broken:
            yield commands.CloseConnection(self.conn)
            yield ReceiveHttp(
                ResponseProtocolError(
                    self.stream_id, f"HTTP/1 protocol error: {broken}", ResponseProtocolError.code
                )
            )
        elif piece is not None:
            yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
            yield from self.mark_done(response=True)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        for command in super().read_headers(event):
            if _is_interim(command):
                self.response = None
                yield from self.read_headers(events.DataReceived(self.conn, b""))
                return
            yield command

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(self.body_reader, WithoutTrailers):
            self.body_reader = WithoutTrailers(self.body_reader)  # type: ignore[assignment]
        yield from super().read_body(event)


class RelayHttpClient(HttpClient):
    """Opens a connection to an upstream and puts the right protocol on it."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        server = self.context.server
        error = None
        if not server.connected:
            error = yield commands.OpenConnection(server)
        if not error:
            spoken = Http2Client if server.alpn == b"h2" else RelayHttp1Client
            self.child_layer = spoken(self.context)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            self.handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, error)


def _is_interim(command: commands.Command) -> bool:
    if not isinstance(command, ReceiveHttp) or not isinstance(command.event, ResponseHeaders):
        return False
    status = command.event.response.status_code
    return 100 <= status < 200 and status != 101
