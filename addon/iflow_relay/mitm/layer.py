"""mitmproxy's HTTP layer with the relay's streams in it, and the time that they may take."""

from __future__ import annotations

import time
from collections import deque
from typing import TypeGuard

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpEvent,
    HttpLayer,
    HTTPMode,
    HttpStream,
    ReceiveHttp,
    RegisterHttpConnection,
    RequestHeaders,
    ResponseData,
    SendHttp,
)
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import LayerStack

from .answering import Commands
from .gate import TakeOver
from .hooks import HooksAtOnce
from .http1 import RelayHttp1Server
from .http1_upstream import RelayHttpClient
from .policy import Policy
from .stream import RelayStream, UpstreamSilent


class RelayHttpLayer(HttpLayer):
    """All streams of one client connection, and the time they may take."""

    def __init__(
        self,
        context: Context,
        mode: HTTPMode,
        policy: Policy,
        hooks: HooksAtOnce,
        take_over: TakeOver,
    ) -> None:
        super().__init__(context, mode)
        self.policy = policy
        self._hooks = hooks
        self._take_over = take_over
        self._timer: commands.RequestWakeup | None = None
        self._requested: deque[HttpEvent] = deque()

    def handle_event(self, event: events.Event) -> Commands:
        """Answer an event and each request that was read meanwhile; join what goes the same way.

        This layer never waits itself, so it can do without what mitmproxy's layers do for that. One
        write for all that one event brought: each costs a system call on both sides.
        """
        pieces: list[bytes] = []
        target: Connection = self.context.client
        produced = self._answer(event)
        try:
            while True:
                for command in produced:
                    if type(command) is commands.SendData and len(command.data) < MAX_JOINED:
                        if pieces and command.connection is not target:
                            yield _join(target, pieces)
                        target = command.connection
                        pieces.append(command.data)
                        continue
                    if pieces:
                        yield _join(target, pieces)
                    yield command
                if not self._requested:
                    break
                produced = self._take(self._requested.popleft())
        except Exception:
            # The client would else wait for nothing.
            yield commands.CloseConnection(self.context.client)
            raise
        if pieces:
            yield _join(target, pieces)

    def _take(self, part: HttpEvent) -> Commands:
        """Take a part of a request to its stream.

        Whoever reads requests has to be done with one before its answer comes: else the answer's
        end would begin the next request in the middle of the first.
        """
        if type(part) is RequestHeaders:
            yield from self.make_stream(part.stream_id)
        if stream := self.streams.get(part.stream_id):
            yield from self.event_to_child(stream, part)

    def _answer(self, event: events.Event) -> Commands:
        """What mitmproxy's layer makes of an event, or what this one does instead."""
        if type(event) is events.DataReceived and (child := self.connections.get(event.connection)):
            return self.event_to_child(child, event)
        if isinstance(event, events.Wakeup) and event.command is self._timer:
            return self._wake_up()
        elif isinstance(event, events.Start):
            self._hooks.shorten_the_way_to(self)
            if self._speaks_http1():
                # A proxy's client speaks to it without TLS: what is inside a tunnel is no proxy's.
                proxy = self.mode is not HTTPMode.transparent
                server = RelayHttp1Server(self.context.fork(), self.policy, proxy=proxy)
                self.connections[self.context.client] = server
        produced: Commands = super()._handle_event(event)
        return produced

    def _pass_on(self, stream_id: int, body: bytes) -> commands.Command | None:
        """The hot path: what becomes of a piece of an answer that is read on its way through.

        The same as through all the layers, without the events and commands that they would make.
        """
        stream = self.streams.get(stream_id)
        if stream is None or not is_own(stream) or not stream.flows:
            return ReceiveHttp(ResponseData(stream_id, body))
        out = stream.read_on(body)
        if out is None:
            return ReceiveHttp(ResponseData(stream_id, body))
        if not out:
            return None
        server = self.connections[self.context.client]
        if type(server) is RelayHttp1Server:
            return commands.SendData(self.context.client, server.frame(out))
        return SendHttp(ResponseData(stream_id, out), self.context.client)

    def event_to_child(self, child: Layer | HttpStream, event: events.Event) -> Commands:
        """As mitmproxy's, with what is frequent first, and our streams' hooks kept from it."""
        for command in child.handle_event(event):
            kind = type(command)
            if kind is ReceiveHttp:
                part = command.event  # type: ignore[attr-defined]
                if getattr(child, "conn", None) is self.context.client:
                    self._requested.append(part)
                elif stream := self.streams.get(part.stream_id):
                    yield from self.event_to_child(stream, part)
            elif kind is SendHttp:
                target = self.connections[command.connection]  # type: ignore[attr-defined]
                yield from self.event_to_child(target, command.event)  # type: ignore[attr-defined]
            elif kind is commands.SendData:
                yield command
            else:
                yield from self._carry_out(child, command)

    def _carry_out(self, child: Layer | HttpStream, command: commands.Command) -> Commands:
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = child
        if isinstance(command, DropStream):
            self.streams.pop(command.stream_id, None)
        elif isinstance(command, GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.register_connection(command)
        elif isinstance(command, commands.OpenConnection):
            self.connections[command.connection] = child
            yield command
        elif not (isinstance(command, commands.StartHook) and is_own(child)):
            # A hook of our own streams runs already.
            yield command

    def _speaks_http1(self) -> bool:
        return self.context.client.alpn in (None, b"", b"http/1.1", b"http/1.0")

    def make_stream(self, stream_id: int) -> Commands:
        stream = RelayStream(self.context.fork(), stream_id, self.policy, self._hooks)
        stream.take_over = self._take_over
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """A connection for a stream: one that is there, or a new one.

        mitmproxy's own remembers that an upstream could not be reached, and would refuse every
        later request on this client connection; here each request tries anew.
        """
        stream = self.command_sources.get(event)
        if stream is None or not is_own(stream):
            yield from super().get_connection(event, reuse=reuse)
            return
        if self._timer is None:
            yield self._set_timer(min(self.policy.connect_timeout, self.policy.timeout))
        self._forget_ended()
        for connection in list(self.connections) if reuse else ():
            if not event.connection_spec_matches(connection):
                continue
            if connection in self.waiting_for_establishment:
                self.waiting_for_establishment[connection].append(event)
                return
            # Over HTTP/1 the streams of an HTTP/2 client each have a connection of their own.
            alone = self.context.client.alpn == b"h2" and connection.alpn != b"h2"
            if connection.connected and not alone:
                self.command_sources.pop(event)
                reply = GetHttpConnectionCompleted(event, (connection, None))
                yield from self.event_to_child(stream, reply)
                return
        yield from self._open_connection(event)

    def _forget_ended(self) -> None:
        """Drop connections that are over; mitmproxy keeps each until the client leaves."""
        kept = (self.context.client, *self.waiting_for_establishment)
        for connection in [c for c in self.connections if c.timestamp_end or c.error]:
            if connection not in kept:
                del self.connections[connection]

    def _open_connection(self, event: GetHttpConnection) -> Commands:
        context = self.context.fork()
        server = context.server = Server(address=event.address)
        stack = LayerStack()
        if event.via:
            server.via = event.via
            stack /= HttpUpstreamProxy.make(context, True)
        if event.tls:
            server.sni = event.address[0]
            stack /= ServerTLSLayer(context)
        stack /= RelayHttpClient(context, self._pass_on)
        self.connections[server] = stack[0]
        self.waiting_for_establishment[server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _set_timer(self, delay: float) -> commands.RequestWakeup:
        self._timer = commands.RequestWakeup(max(delay, 0.02))
        return self._timer

    def _wake_up(self) -> Commands:
        """Give up what has taken too long, and come again when the next may have."""
        self._timer = None
        for connection, waiting in list(self.waiting_for_establishment.items()):
            begun = connection.timestamp_start
            if begun and time.time() - begun >= self.policy.connect_timeout:
                for command in waiting:
                    stream = self.command_sources.get(command)
                    if isinstance(stream, RelayStream):
                        stream.connecting_took_too_long = True
                yield commands.CloseConnection(connection)
        now = time.monotonic()
        for stream in self._waiting_streams():
            limit = self.policy.patience(stream.flow)
            if now - stream.heard >= limit:
                silent = UpstreamSilent(
                    stream.stream_id,
                    f"The upstream has been silent for {limit:g} seconds (iflow_timeout).",
                    ErrorCode.GENERIC_SERVER_ERROR,
                )
                yield from self.event_to_child(stream, silent)
        left = self._waiting_streams()
        dues = [self.policy.patience(stream.flow) + stream.heard - now for stream in left]
        if self.waiting_for_establishment:
            dues.append(self.policy.connect_timeout / 4)
        if dues:
            yield self._set_timer(min(dues))

    def _waiting_streams(self) -> list[RelayStream]:
        """The streams whose upstream owes them a word."""
        return [s for s in self.streams.values() if isinstance(s, RelayStream) and s.heard]


MAX_JOINED = 1 << 16
"""Bytes from which on a write of its own costs less than copying."""


def is_own(stream: Layer | HttpStream) -> TypeGuard[RelayStream]:
    """Whether this is a stream, and the relay's."""
    # Not isinstance: layers are abstract classes, of which Python asks that at length.
    return type(stream) is RelayStream and stream.ours


def _join(target: Connection, pieces: list[bytes]) -> commands.SendData:
    """One command for all the pieces, which are then done with."""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return commands.SendData(target, data)
