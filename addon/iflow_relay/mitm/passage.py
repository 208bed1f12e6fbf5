"""Plain requests for other hosts: passed on byte for byte, seen by no hook and recorded nowhere."""

from __future__ import annotations

import base64
from collections.abc import Callable

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from ..framing import MAX_HEAD, Body, PlainRequest, parse_plain
from ..next_proxy import Proxy
from .policy import Policy

Commands = layer.CommandGenerator[None]

GiveBack = Callable[[bytes], Commands]
"""Takes over at a request that is not to be passed on, with all that came from there on."""


def find_plain(data: bytes, policy: Policy) -> PlainRequest | None:
    """The request for another host that the data begins with, if its head is whole.

    Raises ValueError where it is one, but cannot be passed on.
    """
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    plain = parse_plain(data[: end + 4]) if end >= 0 else None
    return plain if plain and not policy.decide(plain.host).intercepted else None


class RelayPassage(layer.Layer):
    """The requests of one client connection, for as long as they are for other hosts."""

    def __init__(self, context: Context, policy: Policy, give_back: GiveBack) -> None:
        super().__init__(context)
        self._policy = policy
        self._give_back = give_back
        self._held = b""
        self._body: Body | None = None
        self._upgrading = False
        self._raw = False
        self._aimed_at: tuple[str, int] | None = None

    def _handle_event(self, event: events.Event) -> Commands:
        client, server = self.context.client, self.context.server
        if isinstance(event, events.DataReceived):
            if event.connection is client:
                self._held += event.data
                yield from self._pass_on()
            elif event.connection is server:
                if self._upgrading:
                    self._upgrading = False
                    self._raw = event.data.startswith((b"HTTP/1.1 101", b"HTTP/1.0 101"))
                yield commands.SendData(client, event.data)
                if self._held:
                    yield from self._pass_on()
        elif isinstance(event, events.ConnectionClosed) and event.connection in (client, server):
            yield from self._close(server)
            yield from self._close(client)

    def _pass_on(self) -> Commands:
        """Send what can be sent of what the client has said."""
        while self._held and not self._upgrading:
            if self._raw:
                data, self._held = self._held, b""
                yield commands.SendData(self.context.server, data)
            elif self._body:
                try:
                    data, self._held = self._body.take(self._held)
                except ValueError as error:
                    yield from self._refuse(400, str(error))
                    return
                if data:
                    yield commands.SendData(self.context.server, data)
                if not self._body.ended:
                    return
                self._body = None
            elif not (yield from self._begin()):
                return

    def _begin(self) -> layer.CommandGenerator[bool]:
        """Begin with the next request; False where it is not to be passed on, or not yet."""
        self._held = self._held.lstrip(b"\r\n")
        try:
            plain = find_plain(self._held, self._policy)
        except ValueError as error:
            yield from self._refuse(400, str(error))
            return False
        if plain is None:
            yield from self._return()
            return False
        proxy = self._policy.next_proxy("http", plain.host, plain.port)
        problem = yield from self._aim(plain, proxy)
        if problem:
            yield from self._refuse(502, f"{plain.host}:{plain.port} cannot be reached: {problem}")
            return False
        length = self._held.index(b"\r\n\r\n") + 4
        self._held = self._held[length:]
        self._body = plain.body
        self._upgrading = plain.upgrades
        head = with_login(plain.proxy_head, proxy) if proxy else plain.head
        yield commands.SendData(self.context.server, head)
        return True

    def _return(self) -> Commands:
        """What comes now is no request for another host, or not all of its head."""
        if b"\r\n\r\n" in self._held or len(self._held) > MAX_HEAD:
            held, self._held = self._held, b""
            yield from self._close(self.context.server)
            yield from self._give_back(held)

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
    if proxy.login is None:
        return head
    return head[:-2] + b"Proxy-Authorization: " + proxy_authorization(proxy) + b"\r\n\r\n"


def proxy_authorization(proxy: Proxy) -> bytes:
    """The value of `Proxy-Authorization` (RFC 7617)."""
    assert proxy.login
    return b"Basic " + base64.b64encode(proxy.login.reveal().encode())
