"""Plain requests for other hosts: passed on byte for byte, seen by no hook and recorded nowhere."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.net.http.http1 import assemble_response
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from ..credential import Secret
from ..framing import MAX_HEAD, Body, PlainRequest, Upgrade, find_end, parse_plain
from ..next_proxy import Proxy
from .connecting import ASK_LOGIN, NEEDS_KEY
from .policy import Policy

Commands = layer.CommandGenerator[None]

GiveBack = Callable[[bytes], Commands]
"""Takes over at a request that is not to be passed on, with all that came from there on."""


def find_plain(data: bytes, policy: Policy) -> PlainRequest | None:
    """The request for another host that the data begins with, if its head is whole.

    Raises ValueError where it is one, but cannot be passed on.
    """
    end = find_end(data)
    plain = parse_plain(data[:end]) if end else None
    return plain if plain and not policy.decide(plain.host).intercepted else None


class RelayPassage(layer.Layer):
    """The requests of one client connection, for as long as they are for other hosts."""

    def __init__(self, context: Context, policy: Policy, give_back: GiveBack) -> None:
        super().__init__(context)
        self._policy = policy
        self._give_back = give_back
        self._given_proxy = _given_proxy(context)
        self._held = b""
        self._body: Body | None = None
        self._upgrade: Upgrade | None = None
        self._raw = False
        self._over = False
        self._aimed_at: tuple[str, int] | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        client, server = self.context.client, self.context.server
        if isinstance(event, events.DataReceived):
            if event.connection is client:
                self._held += event.data
                yield from self._pass_on()
            elif event.connection is server:
                yield from self._pass_back(event.data)
        elif isinstance(event, events.ConnectionClosed):
            if event.connection is client and server.connected:
                # Who has said all may still be listening.
                yield commands.CloseTcpConnection(server, half_close=True)
            elif event.connection in (client, server):
                yield from self._close(server)
                yield from self._close(client)

    def _pass_back(self, data: bytes) -> Commands:
        yield commands.SendData(self.context.client, data)
        if self._upgrade and (answer := self._upgrade.feed(data)) is not None:
            self._upgrade = None
            self._raw = answer
            yield from self._pass_on()

    def _pass_on(self) -> Commands:
        """Send what can be sent of what the client has said."""
        while self._held:
            if self._over:
                data, self._held = self._held, b""
                yield from self._give_back(data)
            elif self._raw:
                data, self._held = self._held, b""
                yield commands.SendData(self.context.server, data)
            elif self._body:
                if not (yield from self._send_body(self._body)):
                    return
            elif self._upgrade:
                if len(self._held) > MAX_HEAD:
                    yield from self._refuse(400, "too much came before the upgrade was agreed to")
                return
            elif not (yield from self._begin()):
                return

    def _send_body(self, body: Body) -> layer.CommandGenerator[bool]:
        """Send what has come of it; False where it goes no further."""
        try:
            data, self._held = body.take(self._held)
        except ValueError as error:
            yield from self._refuse(400, str(error))
            return False
        if data:
            yield commands.SendData(self.context.server, data)
        if body.ended:
            self._body = None
        return body.ended

    def _begin(self) -> layer.CommandGenerator[bool]:
        """Begin with the next request; False where it is not to be passed on, or not yet."""
        self._held = self._held.lstrip(b"\r\n")
        end = find_end(self._held)
        try:
            plain = find_plain(self._held, self._policy)
        except ValueError as error:
            yield from self._refuse(400, str(error))
            return False
        if plain is None:
            yield from self._return(head_is_whole=end is not None)
            return False
        if refusal := self._check_login(plain.login):
            self._held = b""
            yield commands.SendData(self.context.client, assemble_response(refusal))
            yield from self._close(self.context.server)
            yield from self._close(self.context.client)
            return False
        proxy = self._given_proxy or self._policy.next_proxy("http", plain.host, plain.port)
        problem = yield from self._aim(plain, proxy)
        if problem:
            yield from self._refuse(502, f"{plain.host}:{plain.port} cannot be reached: {problem}")
            return False
        self._held = self._held[end:]
        self._body = None if plain.body.ended else plain.body
        self._upgrade = Upgrade() if plain.upgrades else None
        head = with_login(plain.proxy_head, proxy) if proxy else plain.head
        yield commands.SendData(self.context.server, head)
        return True

    def _check_login(self, login: bytes) -> http.Response | None:
        """What stands against it: our own rule, or mitmproxy's, where `proxyauth` is set."""
        if not self._policy.may_pass(self.context.client, login):
            return http.Response.make(407, NEEDS_KEY, ASK_LOGIN)
        addon = ctx.master.addons.get("proxyauth")
        if addon is None or not addon.validator:
            return None
        flow = http.HTTPFlow(self.context.client, self.context.server)
        flow.request = http.Request.make("GET", "http://a/", b"", [(b"Proxy-Authorization", login)])
        addon.requestheaders(flow)
        return flow.response

    def _return(self, *, head_is_whole: bool) -> Commands:
        """What comes now is no request for another host, or not all of its head."""
        if head_is_whole or len(self._held) > MAX_HEAD:
            self._over = True
            yield from self._close(self.context.server)
            yield from self._pass_on()

    def _aim(self, plain: PlainRequest, proxy: Proxy | None) -> layer.CommandGenerator[str | None]:
        """Have a connection to the request's host or to the proxy before it; what went wrong."""
        address = (proxy.host, proxy.port) if proxy else (plain.host, plain.port)
        if proxy and proxy.scheme != "http":
            return f"no plain requests go through the proxy {proxy}"
        if address == self._aimed_at and self.context.server.state is ConnectionState.OPEN:
            return None
        yield from self._close(self.context.server)
        self.context.server = Server(address=address)
        self._aimed_at = address
        error: str | None = yield commands.OpenConnection(self.context.server)
        if not error:
            self._policy.count("tunnelled")
        return error

    def _refuse(self, status: int, reason: str) -> Commands:
        text = f"{reason}\n".encode()
        head = (
            f"HTTP/1.1 {status} {'Bad Request' if status == 400 else 'Bad Gateway'}\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self._held = b""
        yield commands.SendData(self.context.client, head.encode() + text)
        yield from self._close(self.context.server)
        yield from self._close(self.context.client)

    def _close(self, connection: Connection) -> Commands:
        if connection.state is not ConnectionState.CLOSED:
            yield commands.CloseConnection(connection)


def with_login(head: bytes, proxy: Proxy) -> bytes:
    """The head with what the proxy wants to know of who asks."""
    if (login := proxy.authorization) is None:
        return head
    line, _, rest = head.partition(b"\n")
    return b"%b\nProxy-Authorization: %b\r\n%b" % (line, login.encode(), rest)


def _given_proxy(context: Context) -> Proxy | None:
    """The proxy that `--mode upstream:` names, with what `upstream_auth` says."""
    if context.server.via is None:
        return None
    scheme, (host, port) = context.server.via
    options = context.options
    login = options.upstream_auth if "upstream_auth" in options else None
    assert scheme in ("http", "https")
    return Proxy(scheme, host, port, Secret(login) if login else None)
