"""The request's half of a stream, and what becomes of it when either side fails.

Rules:
1. A request that is not ours goes mitmproxy's own way, unchanged.
2. Hooks come as mitmproxy's own: requestheaders, request, responseheaders, response or error.
3. Nothing leaves unless `Policy.wire` gives the request to send: a hook that failed sends nothing.
4. The key is in the request on the wire only, never in the flow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    HttpErrorHook,
    HTTPMode,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
    validate_request,
)
from mitmproxy.proxy.mode_specs import ReverseMode

from ..errors import (
    InternalError,
    InvalidHttp,
    RelayError,
    RequestTooLarge,
    UpstreamBroken,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ..headers import by_name
from .answering import Commands
from .copies import twin
from .hooks import HooksAtOnce
from .http1_upstream import ENDLESS_HEAD
from .playing import PlayingStream
from .policy import Policy
from .sent import Sent

AT_ONCE = 0.5
"""Seconds after which a connection that ends was not about to end when the request went out."""


class UpstreamSilent(ResponseProtocolError):
    """The upstream has said nothing for too long."""


class RelayStream(PlayingStream):
    """One request that may be ours, and its answer."""

    connecting_took_too_long = False
    kept = False
    """Whether the connection to the upstream had served another request before this one."""

    def __init__(
        self, context: Context, stream_id: int, policy: Policy, hooks: HooksAtOnce
    ) -> None:
        super().__init__(context, stream_id)
        self.policy = policy
        self.hooks = hooks
        self.sent = Sent()

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        listener = self.policy.claim(self.context, event.request)
        if listener is None and event.request.method == "CONNECT":
            yield from super().state_wait_for_request_headers(event)
            return
        self.ours = True
        if self.policy.is_unseen(event.request):
            self.hooks = self.hooks.unseen()
        flow = self.flow = http.HTTPFlow(self.context.client, self.context.server)
        # A copy: mitmproxy's HTTP/1 server still reads version and Connection of the original.
        flow.request = twin(event.request)
        flow.metadata["iflow.listener"] = listener or ""
        flow.live = True
        given = by_name(event.request.headers.fields)
        if error := self._check_head(event, given):
            yield from self._refuse(error)
            return
        self._name_destination()
        yield from self.hook(HttpRequestHeadersHook)
        if (yield from self.check_killed(True)):
            return
        if "expect" in given:
            yield from self._ask_for_the_body()
        self.client_state = self._state_body
        self.server_state = self._state_nothing

    def _ask_for_the_body(self) -> Commands:
        expected = self.flow.request.headers.pop("expect", "")
        if expected.lower() == "100-continue" and not self.flow.response:
            go_on = http.Response.make(100)
            go_on.headers.clear()
            yield SendHttp(ResponseHeaders(self.stream_id, go_on), self.context.client)

    def _check_head(self, event: RequestHeaders, given: Mapping[str, str]) -> RelayError | None:
        request = event.request
        if not self.flow.metadata["iflow.listener"]:
            return InvalidHttp(f"{request.host} is no virtual host: ask for a tunnel by CONNECT.")
        message = validate_request(HTTPMode.transparent, request, self.policy.checks_heads)
        if message:
            return InvalidHttp(f"This is no request that can be passed on: {message}")
        length = given.get("content-length", "")
        if length.isdigit() and int(length) > self.policy.max_body:
            return self._too_large()
        return None

    def _too_large(self) -> RelayError:
        megabytes = self.policy.max_body / (1 << 20)
        return RequestTooLarge(
            f"The request body is larger than {megabytes:.3g} MB. Raise iflow_max_body, or send "
            "less."
        )

    def _name_destination(self) -> None:
        """Record the address that the client asked; a hook re-aims it before anything leaves."""
        data, client = self.flow.request.data, self.context.client
        address = self.context.server.address
        if isinstance(client.proxy_mode, ReverseMode):
            # The address that mitmproxy would fill in is that of --mode, which is never called.
            address = client.sockname
        if address:
            data.host, data.port = address[:2]
        data.scheme = b"https" if client.tls else b"http"

    def _refuse(self, error: RelayError) -> Commands:
        """Answer before the body has come, and let the rest of it run into nothing."""
        yield from self.hook(HttpRequestHeadersHook)
        self.flow.response = self.policy.render(error, self.flow)
        framed = not isinstance(error, InvalidHttp)
        if not framed or self.flow.request.headers.get("expect"):
            self.flow.response.headers["Connection"] = "close"
        self.client_state = self._state_drain
        yield from self._send_whole_answer()
        if not framed and not self.flow.request.is_http2:
            # Where one request ends cannot be told, so nothing after it may be read.
            yield commands.CloseConnection(self.context.client)

    def _state_body(self, event: events.Event) -> Commands:
        if isinstance(event, RequestData):
            self.request_body_buf += event.data
            if len(self.request_body_buf) > self.policy.max_body:
                self.request_body_buf.clear()
                self.flow.response = self.policy.render(self._too_large(), self.flow)
                self.client_state = self._state_drain
                yield from self._send_whole_answer()
        elif isinstance(event, RequestEndOfMessage):
            yield from self._dispatch()

    def _state_drain(self, event: events.Event) -> Commands:
        """A client reads the answer only when it has sent its body: take it, and keep nothing."""
        if isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            yield DropStream(self.stream_id)

    def _dispatch(self) -> Commands:
        """The request is whole: answer it here, or send it on."""
        flow = self.flow
        flow.request.timestamp_end = time.time()
        flow.request.data.content = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        self.client_state = self.state_done
        yield from self.hook(HttpRequestHook)
        if (yield from self.check_killed(True)):
            return
        if flow.response:
            flow.response.timestamp_start = time.time()
            yield from self.hook(HttpResponseHeadersHook)
            if not (yield from self.check_killed(True)):
                yield from self._send_own_answer()
        elif wire := self.policy.wire(flow):
            yield from self._forward(wire)
        else:
            yield from self._fail(InternalError("The relay could not prepare the request."))

    def _forward(self, wire: http.Request) -> Commands:
        connection, error = yield GetHttpConnection(
            (wire.host, wire.port), wire.scheme == "https", self._find_way(wire), "tcp"
        )
        if self.connecting_took_too_long:
            error = f"no connection within {self.policy.connect_timeout:g} seconds"
        if error:
            yield from self._fail(
                UpstreamUnreachable(
                    f"The upstream {wire.host}:{wire.port} cannot be reached: {error}. "
                    "Check baseUrl and the network."
                )
            )
            return
        self.context.server = self.flow.server_conn = connection
        if (yield from self.check_killed(True)):
            return
        self.talking = True
        self.heard = time.monotonic()
        began = self.flow.request.timestamp_start
        self.kept = (connection.timestamp_start or began) < began
        self.server_state = self._state_answer_head
        content = self.flow.request.raw_content
        yield SendHttp(RequestHeaders(self.stream_id, wire, not content), connection)
        if content:
            yield SendHttp(RequestData(self.stream_id, content), connection)
        yield SendHttp(RequestEndOfMessage(self.stream_id), connection)

    def _find_way(self, wire: http.Request) -> ServerSpec | None:
        """The proxy on the way to the upstream, as mitmproxy writes it."""
        if via := self.flow.server_conn.via:
            return via
        proxy = self.policy.next_proxy(wire.scheme, wire.host, wire.port)
        return (proxy.scheme, (proxy.host, proxy.port)) if proxy else None

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> Commands:
        if not self.ours:
            yield from super().handle_protocol_error(event)
        elif isinstance(event, RequestProtocolError):
            yield from self._client_gone(event.message)
        elif not self.settled:
            yield from self._upstream_gone(event)

    def _client_gone(self, message: str) -> Commands:
        unfinished = not self.settled
        self._close_answer()
        yield from self._hang_up_upstream()
        self.client_state = self.state_errored
        if unfinished:
            self.flow.error = Error(message)
            yield from self.hook(HttpErrorHook)
        self.flow.live = False
        yield DropStream(self.stream_id)

    def _upstream_gone(self, event: ResponseProtocolError) -> Commands:
        error = self._explain(event)
        if isinstance(event, UpstreamSilent):
            yield from self._hang_up_upstream()
        self.talking = False
        if self._came_too_late(error) and (wire := self.policy.wire(self.flow)):
            yield from self._forward(wire)
            return
        if self.reader and self.reader.ended:
            # All was said before the connection broke.
            yield from self._end()
        elif self.reader:
            yield from self._pass(self.reader.fail(error))
        elif not self.head_sent:
            yield from self._fail(error)
        else:
            yield from self._break_off(error.message)

    def _came_too_late(self, error: RelayError) -> bool:
        """Whether a kept connection was closed just as the request went out on it.

        Nothing of an answer had come, so the request goes out once more on another connection; one
        that may not come twice (RFC 9110, section 9.2.2), only where it was hung up on at once.
        """
        if not self.kept or not isinstance(error, UpstreamUnreachable):
            return False
        at_once = time.monotonic() - self.heard < AT_ONCE
        return at_once or self.flow.request.method in ("GET", "HEAD")

    def _explain(self, event: ResponseProtocolError) -> RelayError:
        if isinstance(event, UpstreamSilent):
            return UpstreamTimeout(event.message)
        if self.server_state == self._state_answer_head:
            if event.message == ENDLESS_HEAD:
                return UpstreamInvalid(ENDLESS_HEAD)
            if event.message.startswith(("Cannot parse", "unexpected server")):
                return UpstreamInvalid("The upstream's answer is no HTTP. Check baseUrl.")
            return UpstreamUnreachable(
                "The upstream closed the connection before it answered. Try again."
            )
        return UpstreamBroken("The connection to the upstream broke in the middle of its answer.")
