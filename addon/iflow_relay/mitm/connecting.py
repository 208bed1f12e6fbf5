"""A CONNECT request: answered once its tunnel stands, or once it is known to be the relay's."""

from __future__ import annotations

import time

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpConnectedHook,
    HttpConnectErrorHook,
    HttpConnectHook,
    HttpStream,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    SendHttp,
)

from .gate import TakeOver, make_gate
from .policy import Policy

NEEDS_KEY = "Going through this proxy takes one of its keys (iflow_local_keys) as password.\n"
ASK_LOGIN = (
    (b"Content-Type", b"text/plain; charset=utf-8"),
    (b"Proxy-Authenticate", b'Basic realm="iflow-relay"'),
)

Commands = layer.CommandGenerator[None]


class ConnectingStream(HttpStream):
    """The stream of a CONNECT."""

    policy: Policy
    take_over: TakeOver

    def handle_connect(self) -> Commands:
        """Ask the gate; an addon that has answered already keeps its word."""
        self.client_state = self.state_done
        yield HttpConnectHook(self.flow)
        if (yield from self.check_killed(False)):
            return
        if self.flow.response:
            yield from self._refuse_tunnel()
            return
        login = self.flow.request.data.headers.get("proxy-authorization", "").encode()
        ours = self.policy.decide(self.flow.request.host).intercepted
        if not ours and not self.policy.may_pass(self.context.client, login):
            self.flow.response = http.Response.make(407, NEEDS_KEY, ASK_LOGIN)
            yield from self._refuse_tunnel()
            return
        via = self.context.server.via
        self.context.server = Server(address=(self.flow.request.host, self.flow.request.port))
        self.context.server.via = via
        self.flow.server_conn = self.context.server
        self._handle_event = self._wait
        self.child_layer = make_gate(self.context, self.policy, self.take_over, self._tell)
        yield from self.child_layer.handle_event(events.Start())

    def _wait(self, event: events.Event) -> Commands:
        """What comes before the tunnel stands: answers to the gate, or the client's farewell."""
        assert self.child_layer
        if isinstance(event, RequestProtocolError):
            event = events.ConnectionClosed(self.context.client)
        yield from self.child_layer.handle_event(event)

    def _tell(self, error: str | None) -> Commands:
        if error:
            host, port = self.flow.request.host, self.flow.request.port
            text = f"{host}:{port} cannot be reached{self._way()}: {error}\n"
            fields = ((b"Content-Type", b"text/plain; charset=utf-8"),)
            self.flow.response = http.Response.make(502, text, fields)
            yield from self._refuse_tunnel()
            return
        now = time.time()
        version = self.flow.request.data.http_version
        self.flow.response = http.Response(
            version, 200, b"Connection established", http.Headers(), b"", None, now, now
        )
        self._handle_event = self.passthrough
        yield HttpConnectedHook(self.flow)
        yield SendHttp(
            ResponseHeaders(self.stream_id, self.flow.response, True), self.context.client
        )
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _way(self) -> str:
        """The proxy that has a part in it, in words."""
        if self.context.server.via is None:
            return ""
        scheme, (host, port) = self.context.server.via
        return f" by way of the proxy {scheme}://{host}:{port}"

    def _refuse_tunnel(self) -> Commands:
        assert self.flow.response
        yield HttpConnectErrorHook(self.flow)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        content = self.flow.response.raw_content
        yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response), self.context.client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        yield DropStream(self.stream_id)
