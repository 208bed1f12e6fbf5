"""mitmproxy's HTTP layer with the relay's streams in it, and the time that they may take.

mitmproxy answers a failure of its own with a page of HTML, ends a stream that broke as if all were
well where an addon streams it, and has no hook for either (its issue 4854). So what is ours runs in
`RelayStream`. This folder's `layer`, `stream`, `answering` and `http1` lean on mitmproxy's
internals, and no other file does; `check_internals` says at start if those have changed.
"""

from __future__ import annotations

import inspect
import re
import time
from collections import deque

from mitmproxy import http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    ErrorCode,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    HttpStream,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.tunnel import LayerStack

from .answering import Commands
from .hooks import HooksAtOnce
from .http1 import RelayHttp1Server
from .http1_upstream import RelayHttpClient
from .policy import Policy
from .stream import MAX_ANSWER_HEAD, RelayStream, UpstreamSilent


class RelayHttpLayer(HttpLayer):
    """All streams of one client connection, and the time they may take."""

    def __init__(
        self,
        context: Context,
        mode: HTTPMode,
        policy: Policy,
        hooks: HooksAtOnce,
        *,
        all_ours: bool,
    ) -> None:
        super().__init__(context, mode)
        self.policy = policy
        self._hooks = hooks
        self._all_ours = all_ours
        self._timer: commands.RequestWakeup | None = None
        self._ended: deque[commands.StartHook] = deque()

    def handle_event(self, event: events.Event) -> Commands:
        """Answer an event, run our streams' hooks at once, and join what goes the same way.

        This layer never waits itself, so it can do without what mitmproxy's layers do for that. One
        write for all that one event brought: each costs a system call on both sides.
        """
        pieces: list[bytes] = []
        target: Connection = self.context.client
        produced = self._answer(event)
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
                if isinstance(command, commands.StartHook) and (flow := self._own_flow(command)):
                    if self._hooks.run(command, flow):
                        self._ended.append(command)
                else:
                    yield command
            if not self._ended:
                break
            produced = super()._handle_event(events.HookCompleted(self._ended.popleft()))
        if pieces:
            yield _join(target, pieces)

    def _answer(self, event: events.Event) -> Commands:
        """What mitmproxy's layer makes of an event, or what this one does instead."""
        if isinstance(event, events.DataReceived) and event.connection is not self.context.client:
            if self._is_endless(event):
                return self._give_up(event.connection)
        elif isinstance(event, events.Wakeup) and event.command is self._timer:
            return self._wake_up()
        elif isinstance(event, events.Start):
            self._hooks.shorten_the_way_to(self)
            if self._speaks_http1():
                server = RelayHttp1Server(self.context.fork(), self.policy.render, self._is_ours)
                self.connections[self.context.client] = server
        produced: Commands = super()._handle_event(event)
        return produced

    def _give_up(self, connection: Connection) -> Commands:
        yield commands.CloseConnection(connection)

    def _own_flow(self, hook: commands.StartHook) -> http.HTTPFlow | None:
        """The flow of a hook of one of our streams."""
        stream = self.command_sources.get(hook)
        return stream.flow if isinstance(stream, RelayStream) and stream.ours else None

    def _speaks_http1(self) -> bool:
        return self.context.client.alpn in (None, b"", b"http/1.1", b"http/1.0")

    def _is_ours(self, request: http.Request | None) -> bool:
        if self._all_ours or request is None:
            return self._all_ours
        return self.policy.claim(self.context, request) is not None

    def make_stream(self, stream_id: int) -> Commands:
        stream = RelayStream(self.context.fork(), stream_id, self.policy)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> Commands:
        """A connection for a stream: one that is there, or a new one.

        mitmproxy's own remembers that an upstream could not be reached, and would refuse every
        later request on this client connection; here each request tries anew.
        """
        stream = self.command_sources.get(event)
        if event.via or not (isinstance(stream, RelayStream) and stream.ours):
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
        if event.tls:
            server.sni = event.address[0]
            stack /= ServerTLSLayer(context)
        stack /= RelayHttpClient(context)
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
        limit, now = self.policy.timeout, time.monotonic()
        for stream in self._waiting_streams():
            if now - stream.heard >= limit:
                silent = UpstreamSilent(
                    stream.stream_id,
                    f"The upstream has been silent for {limit:g} seconds (iflow_timeout).",
                    ErrorCode.GENERIC_SERVER_ERROR,
                )
                yield from self.event_to_child(stream, silent)
        dues = [limit + stream.heard - now for stream in self._waiting_streams()]
        if self.waiting_for_establishment:
            dues.append(self.policy.connect_timeout / 4)
        if dues:
            yield self._set_timer(min(dues))

    def _waiting_streams(self) -> list[RelayStream]:
        """The streams whose upstream owes them a word."""
        return [s for s in self.streams.values() if isinstance(s, RelayStream) and s.heard]

    def _is_endless(self, event: events.DataReceived) -> bool:
        """Whether a response head grows without end; mitmproxy would keep all of it."""
        if event.connection.alpn == b"h2":
            return False
        for stream in self.streams.values():
            if not isinstance(stream, RelayStream) or not stream.awaits_head:
                continue
            if stream.context.server is event.connection:
                stream.head_size += len(event.data)
                return stream.head_size > MAX_ANSWER_HEAD
        return False


MAX_JOINED = 1 << 16
"""Bytes from which on a write of its own costs less than copying."""


def _join(target: Connection, pieces: list[bytes]) -> commands.SendData:
    """One command for all the pieces, which are then done with."""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return commands.SendData(target, data)


NEEDED = {
    HttpStream: (
        "state_wait_for_request_headers",
        "state_done",
        "state_errored",
        "handle_protocol_error",
        "check_killed",
        "client_state",
        "server_state",
        "request_body_buf",
        "response_body_buf",
    ),
    HttpLayer: (
        "make_stream",
        "get_connection",
        "event_to_child",
        "_handle_event",
        "connections",
        "streams",
        "waiting_for_establishment",
    ),
    http.MessageData: ("__post_init__",),
    AddonManager: ("lookup", "chain"),
    ConnectionHandler: ("server_event", "timeout_watchdog", "max_conns", "transports", "layer"),
    Http1Client: ("read_headers", "read_body", "response", "conn"),
    Http1Server: ("send", "read_headers", "read_body", "done", "buf", "state", "conn"),
}
"""What the relay's layers override or use of mitmproxy's."""


def check_internals() -> list[str]:
    """What is needed of mitmproxy and not there any more, in words; empty where all is there."""
    return [
        f"{owner.__name__}.{name}"
        for owner, names in NEEDED.items()
        for name in names
        if not hasattr(owner, name) and not re.search(rf"self\.{name}\b", _constructor(owner))
    ]


def _constructor(owner: type) -> str:
    found = (vars(base).get("__init__") for base in owner.__mro__)
    # A dataclass's constructor has no source; what it sets is on the class.
    written = [f for f in found if inspect.isfunction(f) and f.__code__.co_filename != "<string>"]
    return "".join(map(inspect.getsource, written))
