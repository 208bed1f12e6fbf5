"""Decides about connections: which TLS is opened at all, and which layer speaks HTTP on it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import cached_property
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers import ServerTLSLayer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData

from ..credential import is_loopback
from ..guard import host_of, is_virtual
from .hooks import HooksAtOnce, HookTable
from .layer import RelayHttpLayer
from .options import LISTENING
from .relay import Relay

UPSTREAM_CONNECTIONS = 256
"""Connections to one upstream for one client connection; mitmproxy's 5 would make the sixth stream
of an HTTP/2 client wait until the first has ended."""


class RelayConnect:
    """Connections, before there is a request."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    @cached_property
    def _hooks(self) -> HookTable:
        return HookTable(ctx.master.addons)

    def client_connected(self, client: Client) -> None:
        explicit = isinstance(client.proxy_mode, LISTENING)
        if explicit and not self.relay.config.local_keys and not is_loopback(client.sockname[0]):
            client.error = "not a loopback address, and no iflow_local_keys"
            return
        if handler := ctx.master.addons.get("proxyserver").connections.get(client.id):
            handler.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAM_CONNECTIONS))

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Close what mitmproxy leaves open where a client leaves just as its upstream is closed.

        Cancelled a second time, its handler ends before it comes to closing the socket.
        """
        if handler := ctx.master.addons.get("proxyserver").connections.get(data.client.id):
            left = handler.transports.get(data.server)
            if left and left.writer:
                left.writer.close()

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """TLS to any host that is not virtual is tunnelled, never opened."""
        if not self._is_ours(data.context, data.client_hello.sni):
            data.ignore_connection = True

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Put the relay's HTTP layer where mitmproxy would put its own."""
        if nextlayer.layer is None:
            ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        if nextlayer.layer is not None:
            nextlayer.layer = self._with_own_http(nextlayer.layer)

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
        ours = found.mode is HTTPMode.transparent and self._is_ours(context, context.client.sni)
        handler = ctx.master.addons.get("proxyserver").connections[context.client.id]
        hooks = HooksAtOnce(handler, self._hooks)
        own = RelayHttpLayer(context, found.mode, self.relay, hooks, all_ours=ours)
        if outer is None:
            return own
        outer.child_layer = own  # type: ignore[attr-defined]
        return top

    def _is_ours(self, context: Context, sni: str | None) -> bool:
        """Whether all that comes on this connection is for the relay."""
        if isinstance(context.client.proxy_mode, ReverseMode):
            return True
        names = [sni, (context.server.address or ("",))[0]]
        return any(is_virtual(host_of(n), self.relay.config.hosts) for n in names if n)
