"""Decides about connections: which TLS is opened at all, and which layer speaks HTTP on it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from functools import cached_property, partial
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event, Start
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer
from mitmproxy.proxy.layers import DNSLayer, ServerTLSLayer, TCPLayer, UDPLayer, modes
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData, TlsData

from ..credential import bracket, is_loopback
from ..interception import decide
from .gate import TakeOver, make_gate
from .hooks import WATCHERS, HooksAtOnce, HookTable
from .layer import RelayHttpLayer
from .options import LISTENING
from .policy import Policy
from .relay import Relay

UPSTREAM_CONNECTIONS = 256
"""Connections to one upstream for one client connection; mitmproxy's 5 would make the sixth stream
of an HTTP/2 client wait until the first has ended."""


logger = logging.getLogger(__name__)


class Closed(Layer):
    """The end of a connection that has no business here."""

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        if isinstance(event, Start):
            yield CloseConnection(self.context.client)


class _Gated(modes.DestinationKnown):
    """A mode in which the destination is known from the start."""

    def __init__(self, context: Context, policy: Policy, take_over: TakeOver) -> None:
        super().__init__(context)
        self._policy = policy
        self._take_over = take_over

    def finish_start(self) -> CommandGenerator[str | None]:
        self.child_layer = make_gate(self.context, self._policy, self._take_over)
        return (yield from super().finish_start())


class _GatedTransparent(_Gated, modes.TransparentProxy):
    """Programs that were redirected without being asked."""


class _GatedSocks(_Gated, modes.Socks5Proxy):
    """Programs that speak SOCKS, in which no key of ours can be presented."""

    def finish_start(self) -> CommandGenerator[str | None]:
        if not self._policy.may_pass(self.context.client, b""):
            return "a stranger"
        return (yield from super().finish_start())


GATED: dict[type[Layer], type[_Gated]] = {
    modes.TransparentProxy: _GatedTransparent,
    modes.Socks5Proxy: _GatedSocks,
}


def explain_refusal(name: str, error: str, *, tunnel: bool) -> str:
    """What it means that a client did not go on with our certificate, and what can be done."""
    what = f"A program did not accept the relay's certificate for {name} ({error})."
    if tunnel:
        return f"{what} From now on its connections go to {name} itself (iflow_pinned=tunnel)."
    return (
        f"{what} It was let through to nothing. Start it with `iflow-relay run`, or let the system "
        "trust the relay: `iflow-relay ca install`. A program that trusts its own certificates "
        "alone cannot be intercepted; iflow_pinned=tunnel would hand its requests to that host."
    )


def is_distrust(error: str, *, strictly: bool) -> bool:
    """Whether mitmproxy's words for a handshake that failed blame the certificate.

    A client that just left has perhaps only changed its mind: that sends nobody's later requests to
    the original host.
    """
    left = error.startswith("The client disconnected")
    return error.startswith("The client ") and not (strictly and left)


class RelayConnect:
    """Connections, before there is a request."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    @cached_property
    def _hooks(self) -> tuple[HookTable, HookTable]:
        """All hooks, and those of flows that nobody is to see."""
        addons = ctx.master.addons
        return HookTable(addons), HookTable(addons, without=WATCHERS)

    def client_connected(self, client: Client) -> None:
        try:
            self._admit(client)
        except Exception:
            client.error = "a fault of the relay's own"
            raise

    def _admit(self, client: Client) -> None:
        explicit = isinstance(client.proxy_mode, LISTENING)
        if explicit and not self.relay.config.local_keys and not is_loopback(client.sockname[0]):
            client.error = "not a loopback address, and no iflow_local_keys"
            return
        if handler := ctx.master.addons.get("proxyserver").connections.get(client.id):
            handler.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAM_CONNECTIONS))
            self._gate(handler)

    def _gate(self, handler: ConnectionHandler) -> None:
        """Look at a connection's names before mitmproxy does, where no CONNECT tells them."""
        gated = GATED.get(type(handler.layer))
        # Names in QUIC are read by mitmproxy's own layers, which then ask `tls_clienthello`.
        if gated is not None and handler.client.transport_protocol == "tcp":
            context = handler.layer.context
            context.layers.remove(handler.layer)
            handler.layer = gated(context, self.relay, partial(setattr, handler, "layer"))

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Close what mitmproxy leaves open where a client leaves just as its upstream is closed.

        Cancelled a second time, its handler ends before it comes to closing the socket.
        """
        self._close_left(data.client, data.server)

    def client_disconnected(self, client: Client) -> None:
        """The same for a client that leaves just as it is hung up on."""
        self._close_left(client, client)

    def _close_left(self, client: Client, connection: Connection) -> None:
        if handler := ctx.master.addons.get("proxyserver").connections.get(client.id):
            left = handler.transports.get(connection)
            if left and left.writer:
                left.writer.close()

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """TLS to any host that is not virtual is tunnelled, never opened."""
        if not self._is_ours(data.context, data.client_hello.sni):
            data.ignore_connection = True

    def tls_failed_client(self, data: TlsData) -> None:
        """Say once for each host that its client hung up on our certificate, and what helps."""
        names = (data.conn.sni, (data.context.server.address or ("",))[0])
        name = decide(names, self.relay.config.hosts).name
        tunnel = self.relay.config.pinned == "tunnel"
        error = data.conn.error or ""
        if not name or name in self.relay.refused_for or not is_distrust(error, strictly=tunnel):
            return
        self.relay.refused_for.add(name)
        logger.warning("%s", explain_refusal(name, error, tunnel=tunnel))

    def http_connect_upstream(self, flow: HTTPFlow) -> None:
        """Log in at the proxy behind the relay, and write an IPv6 address as it has to be."""
        if ":" in flow.request.host:
            flow.request.authority = f"{bracket(flow.request.host)}:{flow.request.port}"
            flow.request.headers["Host"] = flow.request.authority
        address = (flow.server_conn.address or ("", 0))[:2]
        for proxy in self.relay.route.proxies.values():
            if (proxy.host, proxy.port) == address and (login := proxy.authorization):
                flow.request.headers["Proxy-Authorization"] = login

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Put the relay's layers where mitmproxy would put its own, or none at all.

        mitmproxy logs what a hook raises and goes on with its own layer, which would call the
        original host.
        """
        try:
            self._choose(nextlayer)
        except Exception:
            nextlayer.layer = Closed(nextlayer.context)
            raise

    def _choose(self, nextlayer: NextLayer) -> None:
        """Put the relay's HTTP layer where mitmproxy would put its own."""
        if nextlayer.layer is None:
            ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        if nextlayer.layer is not None:
            nextlayer.layer = self._with_own_http(nextlayer.layer)
        if isinstance(nextlayer.layer, TCPLayer | UDPLayer | DNSLayer) and self._is_ours(
            nextlayer.context, nextlayer.context.client.sni
        ):
            # What is no HTTP has nothing to say to an API, and the original host is never called.
            nextlayer.layer = Closed(nextlayer.context)

    def _with_own_http(self, top: Layer) -> Layer:
        """The same layers with the relay's HTTP layer in the place of mitmproxy's."""
        context = top.context
        if isinstance(context.client.proxy_mode, ReverseMode) and isinstance(top, ServerTLSLayer):
            # The target of --mode is never called, so no TLS with it is needed either.
            context.layers.remove(top)
            top = top.child_layer
        outer: Layer | None = None
        found: Any = top
        while isinstance(found, Layer) and not isinstance(found, HttpLayer):
            outer, found = found, getattr(found, "child_layer", None)
        if type(found) is not HttpLayer:
            return top
        context.layers.remove(found)
        handler = ctx.master.addons.get("proxyserver").connections[context.client.id]
        hooks = HooksAtOnce(handler, *self._hooks)
        take_over = partial(setattr, handler, "layer")
        own = RelayHttpLayer(context, found.mode, self.relay, hooks, take_over)
        if outer is None:
            return own
        outer.child_layer = own  # type: ignore[attr-defined]
        return top

    def _is_ours(self, context: Context, sni: str | None) -> bool:
        """Whether all that comes on this connection is for the relay."""
        if isinstance(context.client.proxy_mode, ReverseMode):
            return True
        names = (sni, (context.server.address or ("",))[0])
        return decide(names, self.relay.config.hosts).intercepted
