"""Where a connection to somewhere goes: tunnelled as it is, or opened because it is the relay's.

Rules:
1. Nothing is decrypted before the names are known: the host asked for and that of the ClientHello.
2. A host that is not virtual is connected to before its client hears that the tunnel stands, so
   that a server that cannot be reached is told as one, and one that speaks first is heard.
3. An address without a name may be a virtual host's: nothing connects to it before its client has
   said something that shows otherwise, or has kept silent for a while, as no client of TLS does.
4. Once its client has heard that the tunnel stands, its bytes go by no layer above this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.net.check import is_valid_host
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.tunnel import LayerStack

from ..credential import is_address
from ..interception import TUNNELLED, Decision
from .policy import Policy

Commands = layer.CommandGenerator[None]

PATIENCE = 0.5
"""Seconds for which the client of an address may be silent before its server may speak first."""

MAX_HELLO = 64 << 10
"""Bytes of a ClientHello: some sixteen times those of the largest that are seen. mitmproxy would
read on, all of it anew for each piece."""

CLIENT_HELLO = b"\x01"
"""The type of that handshake message (RFC 8446, section 4)."""

Answer = Callable[[str | None], Commands]
"""Tells the client that its tunnel stands, or why it does not."""

TakeOver = Callable[[layer.Layer], None]
"""Lets all further events of a client connection come straight to a layer."""


def make_gate(
    context: Context, policy: Policy, take_over: TakeOver, answer: Answer | None = None
) -> layer.Layer:
    """The layers for a connection to `context.server`, by way of another proxy where there is one.

    `answer` is for a client that waits to hear of its tunnel.
    """
    server = context.server
    assert server.address
    stack = LayerStack()
    host, port = server.address[:2]
    given = server.via
    if given is None and (proxy := policy.next_proxy("https", host, port)):
        server.via = (proxy.scheme, (proxy.host, proxy.port))
    if server.via:
        stack /= HttpUpstreamProxy.make(context, True)
    stack /= RelayGate(context, policy, lambda: take_over(stack[0]), answer, given)
    return stack[0]


class RelayGate(layer.Layer):
    """One connection, from the question where to until it is spliced or handed on."""

    def __init__(
        self,
        context: Context,
        policy: Policy,
        take_over: Callable[[], None],
        answer: Answer | None,
        given: ServerSpec | None,
    ) -> None:
        super().__init__(context)
        self._policy = policy
        self._take_over = take_over
        self._answer = answer or self._close_unless_open
        self._given = given
        """The proxy that `--mode upstream:` names; the relay's own calls go through it as well."""
        self._decision = TUNNELLED
        self._held = b""
        self._patience = commands.RequestWakeup(PATIENCE)

    def _handle_event(self, event: events.Event) -> Commands:
        assert isinstance(event, events.Start)
        assert self.context.server.address
        self._handle_event = self._look  # type: ignore[method-assign]
        host = self.context.server.address[0]
        self._decision = self._policy.decide(host)
        if self._decision.intercepted:
            yield from self._tell(None)
        elif is_address(host):
            yield from self._tell(None)
            yield self._patience
        else:
            yield from self._open(self._tell)

    def _tell(self, error: str | None) -> Commands:
        """Answer the client; no layer above this one has a part in what it then says."""
        yield from self._answer(error)
        if not error and not self.context.client.tls_established:
            self._take_over()

    def _open(self, answer: Answer) -> Commands:
        """Connect, and say how that went."""
        server = self.context.server
        assert server.address
        # mitmproxy's connection would never hear that a name cannot be looked up.
        error: str | None = "this is no host name"
        if is_valid_host(server.address[0]):
            error = yield commands.OpenConnection(server)
        if error:
            self._handle_event = self._ignore  # type: ignore[method-assign]
        yield from answer(error)

    def _close_unless_open(self, error: str | None) -> Commands:
        if error:
            yield commands.CloseConnection(self.context.client)

    def _look(self, event: events.Event) -> Commands:
        """What comes before it is decided."""
        if isinstance(event, events.Wakeup):
            if not self._held and self.context.server.state is ConnectionState.CLOSED:
                yield from self._open(self._close_unless_open)
        elif isinstance(event, events.DataReceived):
            if event.connection is self.context.client:
                self._held += event.data
                yield from self._judge()
            else:
                yield commands.SendData(self.context.client, event.data)
        elif isinstance(event, events.ConnectionClosed):
            if self._held or self.context.server.state is ConnectionState.CLOSED:
                yield from self._end()
            elif event.connection is self.context.client:
                yield from self._begin_to_pass()
                yield from self._pass(event)
            else:
                yield commands.CloseTcpConnection(self.context.client, half_close=True)

    def _judge(self) -> Commands:
        said = self._read_hello()
        if said is not None:
            yield from self._act_on(self._decision if self._decision.intercepted else said)
        elif len(self._held) > MAX_HELLO:
            yield from self._end()

    def _read_hello(self) -> Decision | None:
        """What the client's first bytes say; None where that takes more of them."""
        if len(self._held) < 3 and b"\x16\x03".startswith(self._held[:2]):
            return None
        if not starts_like_tls_record(self._held) or self._held[5:6] not in (b"", CLIENT_HELLO):
            return TUNNELLED
        try:
            hello = parse_client_hello(self._held)
        except ValueError:
            return TUNNELLED
        return self._policy.decide(hello.sni) if hello else None

    def _act_on(self, decision: Decision) -> Commands:
        if not decision.intercepted or self._policy.is_pinned(decision.name):
            yield from self._splice()
        elif not self.context.client.state & ConnectionState.CAN_WRITE:
            # The other server has hung up already, and so was its client on.
            yield from self._end()
        else:
            self._policy.count("intercepted")
            yield from self._hand_on()

    def _hand_on(self) -> Commands:
        """It is the relay's: mitmproxy's own layers take it, and the server is left alone."""
        if self.context.server.state is not ConnectionState.CLOSED:
            yield commands.CloseConnection(self.context.server)
        context = self.context.fork()
        context.server = Server(address=self.context.server.address)
        context.server.via = self._given
        inner = layer.NextLayer(context)
        self._handle_event = lambda event: self._pass_in(inner, event)  # type: ignore[method-assign]
        yield from self._pass_in(inner, events.Start())
        if self._held:
            held = events.DataReceived(self.context.client, self._held)
            yield from self._pass_in(inner, held)

    def _pass_in(self, inner: layer.Layer, event: events.Event) -> Commands:
        """What those layers have not asked for is kept from them: they would stumble over it."""
        left = isinstance(event, events.ConnectionEvent) and event.connection is self.context.server
        if not left and getattr(event, "command", None) is not self._patience:
            yield from _quietly(inner.handle_event(event))

    def _splice(self) -> Commands:
        if self.context.server.state is ConnectionState.CLOSED:
            yield from self._open(self._close_unless_open)
            if self.context.server.state is ConnectionState.CLOSED:
                return
        yield from self._begin_to_pass()

    def _begin_to_pass(self) -> Commands:
        self._policy.count("tunnelled")
        self._handle_event = self._pass  # type: ignore[method-assign]
        if self._held:
            yield commands.SendData(self.context.server, self._held)
            self._held = b""

    def _pass(self, event: events.Event) -> Commands:
        client, server = self.context.client, self.context.server
        if isinstance(event, events.DataReceived):
            yield commands.SendData(server if event.connection is client else client, event.data)
        elif isinstance(event, events.ConnectionClosed):
            if (client.state | server.state) & ConnectionState.CAN_READ:
                other = server if event.connection is client else client
                yield commands.CloseTcpConnection(other, half_close=True)
            else:
                yield from self._end()

    def _end(self) -> Commands:
        self._handle_event = self._ignore  # type: ignore[method-assign]
        for connection in (self.context.server, self.context.client):
            if connection.state is not ConnectionState.CLOSED:
                yield commands.CloseConnection(connection)

    def _ignore(self, event: events.Event) -> Commands:
        yield from ()


def _quietly(produced: Iterator[commands.Command]) -> Commands:
    """Without mitmproxy's line for each handshake that fails: the relay says it once."""
    for command in produced:
        if not (isinstance(command, commands.Log) and "TLS handshake failed" in command.message):
            yield command
