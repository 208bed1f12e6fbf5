"""The upstream's side of HTTP/1: interim answers and trailers are read over, not stumbled upon.

mitmproxy 12 takes a 103 for the answer itself and fails on a trailer; both are legal (RFC 9110,
sections 15.2 and 6.5), and servers behind a CDN send them.
"""

from __future__ import annotations

from collections.abc import Callable

from h11._readers import ChunkedReader
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    Http2Client,
    HttpClient,
    HttpEvent,
    RegisterHttpConnection,
    RequestData,
    RequestEndOfMessage,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Client

from ..chunked import Chunked

MAX_HEAD = 256 << 10
"""Bytes of a response head: more is an attack on memory, or no HTTP."""

ENDLESS_HEAD = "The upstream's answer begins with a head without end."

PassOn = Callable[[int, bytes], commands.Command | None]
"""What becomes of a piece of an answer's body: stream id and bytes give a command, if any."""


class RelayHttp1Client(Http1Client):
    """mitmproxy's HTTP/1 client, for upstreams that use more of HTTP than it does."""

    def __init__(self, context: Context, pass_on: PassOn) -> None:
        super().__init__(context)
        self._pass_on = pass_on
        self._chunked: Chunked | None = None

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but all that one read brought of a body goes on as one piece.

        This layer never waits, so it can do without what mitmproxy's layers do for that.
        """
        if self._chunked and type(event) is events.DataReceived:
            return self._read_chunks(self._chunked, event.data)
        return self._handle_event(event)

    def _read_chunks(self, chunked: Chunked, data: bytes) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None
        body = chunked.feed(data)
        if body and (command := self._pass_on(self.stream_id, body)):
            yield command
        if chunked.broken:
            yield from self._break_off(f"HTTP/1 protocol error: {chunked.broken}")
        elif chunked.ended:
            self._chunked = None
            self.buf += chunked.rest
            yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
            yield from self.mark_done(response=True)

    def _break_off(self, message: str) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None
        self._chunked = None
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(
            ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR)
        )

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but no header is looked up: a request of ours has its length."""
        if type(event) is RequestData:
            yield commands.SendData(self.conn, event.data)
        elif type(event) is RequestEndOfMessage:
            yield from self.mark_done(request=True)
        else:
            yield from super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if len(self.buf) > MAX_HEAD and b"\r\n\r\n" not in bytes(self.buf):
            yield from self._break_off(ENDLESS_HEAD)
            return
        for command in super().read_headers(event):
            if _is_interim(command):
                self.response = None
                yield from self.read_headers(events.DataReceived(self.conn, b""))
                return
            yield command

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """The body's first piece, its end with the connection, and bodies of a known length."""
        if isinstance(event, events.DataReceived) and isinstance(self.body_reader, ChunkedReader):
            self._chunked = Chunked()
            begun = self.buf.maybe_extract_at_most(len(self.buf)) or b""
            yield from self._read_chunks(self._chunked, bytes(begun))
        else:
            yield from super().read_body(event)


class RelayHttpClient(HttpClient):
    """Opens a connection to an upstream and puts the right protocol on it."""

    def __init__(self, context: Context, pass_on: PassOn) -> None:
        super().__init__(context)
        self._pass_on = pass_on

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        server = self.context.server
        error = None
        if not server.connected:
            error = yield commands.OpenConnection(server)
        if not error:
            if server.alpn == b"h2":
                self.child_layer = Http2Client(self.context)
            else:
                self.child_layer = RelayHttp1Client(self.context, self._pass_on)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            self.handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, error)


def _is_interim(command: commands.Command) -> bool:
    if not isinstance(command, ReceiveHttp) or not isinstance(command.event, ResponseHeaders):
        return False
    status = command.event.response.status_code
    return 100 <= status < 200 and status != 101
