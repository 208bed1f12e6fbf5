"""Decides about each request that is ours: who may call, what answers, and where it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from .. import __version__
from ..catalog import render_models
from ..credential import bracket
from ..dialects.chat import parse_chat
from ..errors import (
    InternalError,
    InvalidRequest,
    LoopDetected,
    NotFound,
    PageKeyWanted,
    WebSocketRefused,
    WrongKey,
)
from ..guard import check_host, check_key, check_origin, check_site, host_of, is_virtual, mark_key
from ..headers import (
    by_name,
    cors_fields,
    login_key,
    preflight_fields,
    presented_key,
    without_credentials,
)
from ..interception import decide
from ..jsontext import mend, to_json
from ..pac import MEDIA_TYPE, render_pac
from ..routing import Kind, Route, is_page, route, without_keys
from ..session import Upstream
from .aiming import aim, run_on
from .call import Call
from .comment import forget
from .copies import headers_of
from .edge import HasRelay, closed_where_it_may_wait, refuse
from .learning import Way
from .relay import OWN_HOST


class RelayRoute(HasRelay):
    """From a request's head to the request that leaves."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live or flow.response or flow.error:
            return
        if "iflow.listener" not in flow.metadata:
            self._catch(flow)
            return
        call = self.relay.calls[flow] = Call(Route(Kind.FORWARD, flow.request.path))
        presented = self._presented(flow.request)
        kept = without_credentials(flow.request.headers.fields)
        if len(kept) < len(flow.request.headers.fields):
            flow.request.headers = headers_of(kept)
        flow.request.path = without_keys(flow.request.path)
        try:
            if flow.is_replay:
                forget(flow)
                call.route = route(flow.request.method, str(flow.metadata.get("iflow.path", "")))
            else:
                self._admit(flow, call, presented)
        except Exception as error:
            refuse(self.relay, flow, error)

    def _presented(self, request: http.Request) -> str | None:
        """The key that a client presents; a browser's password opens the relay's own page alone.

        Browsers add it by themselves, also where a page of somebody else's made them ask.
        """
        fields = request.headers.fields
        if is_page(request.path):
            return login_key(request.headers.get("authorization", "").encode("latin-1", "replace"))
        return presented_key(fields)

    def _catch(self, flow: http.HTTPFlow) -> None:
        """A request that is ours, but came by mitmproxy's own layer, would go to its old host."""
        server = flow.server_conn.address or ("",)
        names = (flow.request.host, flow.client_conn.sni, server[0])
        reverse = isinstance(flow.client_conn.proxy_mode, ReverseMode)
        if reverse or decide(names, self.relay.config.hosts).intercepted:
            refuse(self.relay, flow, InternalError("The relay could not take this request over."))

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> Awaitable[None] | None:
        kind = call.route.kind
        if call.upstream:
            # An agent has it.
            return None
        if kind is Kind.HEALTH:
            answer_json(flow, call, self._health())
            return None
        if kind is Kind.PAC:
            self._answer_pac(flow)
            return None
        upstream = self.relay.session.current()
        if self.relay.renewal.must_wait(upstream):
            return self._renew_first(flow, call)
        return self._go_on(flow, call, upstream)

    async def _renew_first(self, flow: http.HTTPFlow, call: Call) -> None:
        """Wait for the key that comes in the place of one that has ended."""
        await self.relay.renewal.wait()
        if waiting := self._go_on(flow, call, self.relay.session.current()):
            await waiting

    def _go_on(self, flow: http.HTTPFlow, call: Call, upstream: Upstream) -> Awaitable[None] | None:
        """Answer from the catalog, or send on."""
        kind, given = call.route.kind, by_name(flow.request.headers.fields)
        own = self.relay.library.own_list(upstream.base_url) if kind is Kind.MODELS else None
        if own is not None:
            named = self.relay.with_names(own, call)
            answer_json(flow, call, pick_model(named, call.route.model))
            return None
        foreign_chat = kind is Kind.CHAT and call.foreign_host
        if foreign_chat and self.relay.learner.has_to_ask(upstream.base_url):
            return self._learn_first(flow, call, upstream, given)
        return self._send(flow, call, upstream, given)

    async def _learn_first(
        self, flow: http.HTTPFlow, call: Call, upstream: Upstream, given: Mapping[str, str]
    ) -> None:
        """Know what the upstream has before a model of OpenAI's is mapped to one of its own."""
        base = upstream.base_url
        proxy = self.relay.next_proxy(base.scheme, base.host, base.port)
        way = Way(proxy, self.relay.verification)
        await self.relay.learner.ask(upstream, self.relay.config.user_agent, way)
        if waiting := self._send(flow, call, upstream, given):
            await waiting

    def _send(
        self, flow: http.HTTPFlow, call: Call, upstream: Upstream, given: Mapping[str, str]
    ) -> Awaitable[None] | None:
        """Send the request on; what to wait for where it has to stand in line."""
        if call.route.kind is Kind.CHAT:
            self._read_chat(flow, call, upstream, given)
        if call.route.kind is not Kind.MODELS:
            call.leave_line = self.relay.line.enter_now()
            if call.leave_line is None:
                return self._wait_in_line(flow, call, given)
        aim(self.relay, flow, call, upstream, given)
        return None

    async def _wait_in_line(
        self, flow: http.HTTPFlow, call: Call, given: Mapping[str, str]
    ) -> None:
        call.leave_line = await self.relay.line.enter()
        aim(self.relay, flow, call, self.relay.session.current(), given)

    def _admit(self, flow: http.HTTPFlow, call: Call, presented: str | None) -> None:
        """Check Host, Origin and key, in that order; raises what stands against the request."""
        request, config = flow.request, self.relay.config
        given = by_name(request.headers.fields)
        authority = request.authority or given.get("host")
        check_host(authority, config.hosts, any_address=bool(config.local_keys))
        flow.metadata["iflow.client"] = mend(given.get("user-agent", "")[:200])
        host = host_of(authority or "")
        call.foreign_host = host != OWN_HOST and is_virtual(host, config.hosts)
        flow.metadata["iflow.host"] = host
        if is_page(request.path):
            self._admit_to_page(flow, call, presented)
            return
        origin = given.get("origin")
        check_origin(origin, config.cors_origins)
        call.origin = origin
        if request.method == "OPTIONS":
            self._answer_preflight(flow, origin)
            return
        if "websocket" in given.get("upgrade", "").lower():
            raise WebSocketRefused("There are no WebSockets here: use the same API over HTTP.")
        call.route = route(request.method, request.path)
        flow.metadata["iflow.route"] = call.route.kind.value
        flow.metadata["iflow.path"] = request.path
        if call.route.kind not in (Kind.HEALTH, Kind.PAC):
            check_site(given)
            check_key(presented, config.local_keys)
            call.key_mark = mark_key(presented) if config.local_keys else ""
        if self.relay.name in given.get("via", ""):
            raise LoopDetected("This request has come back to its sender: check baseUrl.")

    def _admit_to_page(self, flow: http.HTTPFlow, call: Call, presented: str | None) -> None:
        """The relay's own page: its own rules say more, none of them that of other origins."""
        path = flow.request.path.partition("?")[0]
        if call.foreign_host:
            raise NotFound(f"There is no {path} here: the relay's own page is elsewhere.")
        call.route = route(flow.request.method, flow.request.path)
        try:
            check_key(presented, self.relay.config.local_keys)
        except WrongKey as error:
            raise PageKeyWanted(error.message) from None

    def _answer_preflight(self, flow: http.HTTPFlow, origin: str | None) -> None:
        requested = flow.request.headers.get("access-control-request-headers", "")
        fields = preflight_fields(origin, requested) if origin else ()
        flow.response = http.Response.make(204, b"", fields)

    def _health(self) -> dict[str, object]:
        session, renewal = self.relay.session, self.relay.renewal
        session.refresh()
        return {
            "status": "degraded" if session.problem or renewal.is_over else "ok",
            "service": "iflow-relay",
            "version": __version__,
            "iflow_logged_in": session.is_logged_in,
            "instance": self.relay.name,
            "proxy": self.relay.proxy,
            "connections": self.relay.counts,
        }

    def _answer_pac(self, flow: http.HTTPFlow) -> None:
        """The PAC file, with the proxy by the name that the relay was reached by."""
        if self.relay.proxy is None:
            raise NotFound("This relay is no proxy: start `iflow-relay intercept`.")
        port = self.relay.proxy.rpartition(":")[2]
        host = str(flow.metadata["iflow.host"])
        if is_virtual(host, self.relay.config.hosts):
            host = "127.0.0.1"
        text = render_pac(self.relay.config.hosts, f"{bracket(host)}:{port}")
        # What it says changes with the options and with the relay's port.
        fields = ((b"Content-Type", MEDIA_TYPE.encode()), (b"Cache-Control", b"no-cache"))
        flow.response = http.Response.make(200, text, fields)

    def _read_chat(
        self, flow: http.HTTPFlow, call: Call, upstream: Upstream, given: Mapping[str, str]
    ) -> None:
        if given.get("content-encoding", "identity") != "identity":
            raise InvalidRequest("The request body is compressed: send it as it is.")
        chat = parse_chat(flow.request.raw_content or b"")
        run = chat.model
        if call.foreign_host or self.relay.config.model_map:
            model_map = self.relay.model_map(upstream)
            run = model_map.run(chat.model, foreign_host=call.foreign_host)
        run_on(flow, call, chat, run)


def answer_json(flow: http.HTTPFlow, call: Call, document: object) -> None:
    """Answer with JSON of our own."""
    fields = ((b"Content-Type", b"application/json"), *cors_fields(call.origin))
    flow.response = http.Response.make(200, to_json(document) + b"\n", fields)


def pick_model(entries: list[dict[str, object]], wanted: str | None) -> dict[str, object]:
    """The list of models, or the one that is wanted; raises NotFound where it is not listed."""
    if wanted is None:
        return render_models(entries)
    for entry in entries:
        if entry.get("id") == wanted:
            return entry
    raise NotFound(
        f"There is no model {wanted[:200]!r} here; GET /v1/models lists them.",
        param="model",
        code="model_not_found",
    )
