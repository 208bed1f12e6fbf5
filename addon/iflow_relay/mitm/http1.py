"""The client's side of HTTP/1, where a request that is no HTTP gets an answer that is JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

import h11
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    HttpEvent,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server, TBodyReader

from ..errors import HeadTooLarge, InvalidHttp, RelayError
from .passage import RelayPassage, find_plain
from .policy import Policy

MAX_HEAD = 32 << 10
"""Bytes of request line and headers: twice what Node takes, four times what nginx does."""


class WithoutTrailers:
    """A body reader that leaves out what follows the body; mitmproxy fails on it."""

    def __init__(self, reader: TBodyReader) -> None:
        self._reader = reader

    def __call__(self, buffer: Any) -> Any:
        event = self._reader(buffer)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event

    def read_eof(self) -> Any:
        """The end of the connection, as the body's own framing sees it."""
        return self._reader.read_eof()


class RelayHttp1Server(Http1Server):
    """mitmproxy's HTTP/1 server with a bound on the head and errors in the API's shape.

    On a `proxy`, plain requests for other hosts go by it (`passage`).
    """

    def __init__(self, context: Context, policy: Policy, *, proxy: bool) -> None:
        super().__init__(context)
        self._policy = policy
        self._proxy = proxy
        self._passage: RelayPassage | None = None
        self._is_chunked: bool | None = None

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but no header is looked up for each piece of a body."""
        if isinstance(event, ResponseData) and event.data and self._is_chunked is not None:
            yield commands.SendData(self.conn, self.frame(event.data))
        elif self._passage:
            yield from self._passage.handle_event(event)
        elif getattr(event, "connection", self.conn) is self.conn:
            # This layer never waits, so it can do without what mitmproxy's layers do for that.
            yield from self._handle_event(event)

    def frame(self, data: bytes) -> bytes:
        """A piece of the answer under way, as it goes over the wire."""
        return b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but to a client that was hung up on nothing more is said."""
        if not self._can_write():
            return
        if isinstance(event, ResponseHeaders):
            coding = event.response.headers.get("transfer-encoding", "")
            self._is_chunked = "chunked" in coding.lower()
        if self._is_page(event):
            yield self._error(InvalidHttp(event.message))
            yield commands.CloseConnection(self.conn)
            return
        yield from super().send(event)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            if self._head_is_too_large():
                large = HeadTooLarge(f"The request's head is over {MAX_HEAD >> 10} KB.")
                yield from self._break_off(large)
                return
            if self._proxy and (yield from self._pass_by()):
                return
        yield from self._in_json(super().read_headers(event))

    def _pass_by(self) -> layer.CommandGenerator[bool]:
        """Whether a plain request for another host has come, and is on its way."""
        data = bytes(self.buf)
        try:
            plain = find_plain(data, self._policy)
        except ValueError as error:
            yield from self._break_off(InvalidHttp(f"This request cannot be passed on: {error}."))
            return True
        if plain is None:
            return False
        self.buf.maybe_extract_at_most(len(data))
        self._passage = RelayPassage(self.context.fork(), self._policy, self._resume)
        yield from self._passage.handle_event(events.DataReceived(self.conn, data))
        return True

    def _resume(self, data: bytes) -> layer.CommandGenerator[None]:
        """What comes now is to be read here."""
        self._passage = None
        self.buf += data
        yield from self.state(events.DataReceived(self.conn, b""))

    def _break_off(self, error: RelayError) -> layer.CommandGenerator[None]:
        yield self._error(error)
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(self.body_reader, WithoutTrailers):
            self.body_reader = WithoutTrailers(self.body_reader)  # type: ignore[assignment]
        for command in super().read_body(event):
            # A body that breaks its own framing: mitmproxy closes without a word.
            closes = isinstance(command, commands.CloseConnection)
            if closes and not self.response and self._can_write():
                yield self._error(InvalidHttp("The request body breaks off or is not framed."))
            yield command

    def _head_is_too_large(self) -> bool:
        if len(self.buf) <= MAX_HEAD:
            return False
        return bytes(self.buf)[:MAX_HEAD].find(b"\r\n\r\n") < 0

    def _is_page(self, event: HttpEvent) -> TypeGuard[ResponseProtocolError]:
        """Whether mitmproxy would send a page of HTML for this event."""
        if not isinstance(event, ResponseProtocolError) or self.response:
            return False
        return event.code.http_status_code() is not None and self._can_write()

    def _in_json(self, produced: Iterator[commands.Command]) -> Iterator[commands.Command]:
        """While a head is read, all that is sent is mitmproxy's error page."""
        for command in produced:
            if isinstance(command, commands.SendData) and command.data.startswith(b"HTTP/1.1 400"):
                yield self._error(InvalidHttp("The bytes that came are no HTTP request."))
            elif not isinstance(command, commands.Log):
                # What mitmproxy logs of half a head may hold a key.
                yield command

    def _can_write(self) -> bool:
        return bool(self.conn.state & ConnectionState.CAN_WRITE)

    def _error(self, error: RelayError) -> commands.SendData:
        response = self._policy.render(error)
        response.headers["Connection"] = "close"
        return commands.SendData(self.conn, http1.assemble_response(response))
