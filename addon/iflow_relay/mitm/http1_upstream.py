"""The upstream's side of HTTP/1: interim answers and trailers are read over, not stumbled upon.

mitmproxy 12 takes a 103 for the answer itself and fails on a trailer; both are legal (RFC 9110,
sections 15.2 and 6.5), and servers behind a CDN send them.
"""

from __future__ import annotations

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import (
    Http2Client,
    HttpClient,
    RegisterHttpConnection,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Client

from .http1 import WithoutTrailers


class RelayHttp1Client(Http1Client):
    """mitmproxy's HTTP/1 client, for upstreams that use more of HTTP than it does."""

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
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, error)


def _is_interim(command: commands.Command) -> bool:
    if not isinstance(command, ReceiveHttp) or not isinstance(command.event, ResponseHeaders):
        return False
    status = command.event.response.status_code
    return 100 <= status < 200 and status != 101
