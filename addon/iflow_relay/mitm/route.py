"""Decides about each request that is ours: who may call, what answers, and where it goes."""

from __future__ import annotations

from collections.abc import Awaitable

from mitmproxy import http

from .. import __version__
from ..catalog import render_models
from ..dialects.chat import parse_chat
from ..errors import InvalidRequest, LoopDetected, NotFound
from ..guard import check_host, check_key, check_origin, host_of
from ..headers import (
    authorization,
    cors_fields,
    preflight_fields,
    presented_key,
    request_fields,
    user_agent,
    via,
    without_credentials,
)
from ..jsontext import to_json
from ..routing import Kind, Route, route, without_keys
from ..session import Upstream
from .edge import HasRelay, closed_where_it_may_wait, refuse
from .relay import Call

OWN_HOST = "iflow.internal"
"""The virtual host that is nobody else's: an app that calls it means the relay."""

JSON = (b"Content-Type", b"application/json")
"""What a chat request is, whatever its client called it: curl says it is a form."""


class RelayRoute(HasRelay):
    """From a request's head to the request that leaves."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if "iflow.listener" not in flow.metadata or not flow.live or flow.response or flow.error:
            return
        call = self.relay.calls[flow] = Call(Route(Kind.FORWARD, flow.request.path))
        presented = presented_key(flow.request.headers.fields)
        kept = without_credentials(flow.request.headers.fields)
        if len(kept) < len(flow.request.headers.fields):
            flow.request.headers = http.Headers(kept)
        flow.request.path = without_keys(flow.request.path)
        try:
            if flow.is_replay:
                call.route = route(flow.request.method, str(flow.metadata.get("iflow.path", "")))
            else:
                self._admit(flow, call, presented)
        except Exception as error:
            refuse(self.relay, flow, error)

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> Awaitable[None] | None:
        kind = call.route.kind
        if kind is Kind.HEALTH:
            self._answer_json(flow, call, self._health())
            return None
        upstream = self.relay.session.current()
        own = self.relay.library.own_list(upstream.base_url) if kind is Kind.MODELS else None
        if own is not None:
            self._answer_json(flow, call, pick_model(own, call.route.model))
            return None
        if kind is Kind.CHAT:
            self._read_chat(flow, call, upstream)
        if kind is not Kind.MODELS:
            call.leave_line = self.relay.line.enter_now()
            if call.leave_line is None:
                return self._wait_in_line(flow, call)
        self._aim(flow, call, upstream)
        return None

    async def _wait_in_line(self, flow: http.HTTPFlow, call: Call) -> None:
        call.leave_line = await self.relay.line.enter()
        self._aim(flow, call, self.relay.session.current())

    def _admit(self, flow: http.HTTPFlow, call: Call, presented: str | None) -> None:
        """Check Host, Origin and key, in that order; raises what stands against the request."""
        request, config = flow.request, self.relay.config
        authority = request.authority or request.headers.get("host")
        check_host(authority, config.hosts, any_address=bool(config.local_keys))
        origin = request.headers.get("origin")
        check_origin(origin, config.cors_origins)
        call.origin = origin
        flow.metadata["iflow.client"] = request.headers.get("user-agent", "")[:200]
        host = host_of(authority or "")
        call.foreign_host = flow.metadata["iflow.listener"] == "proxy" and host != OWN_HOST
        flow.metadata["iflow.host"] = host
        if request.method == "OPTIONS":
            self._answer_preflight(flow, origin)
            return
        call.route = route(request.method, request.path)
        flow.metadata["iflow.route"] = call.route.kind.value
        flow.metadata["iflow.path"] = request.path
        if call.route.kind is not Kind.HEALTH:
            check_key(presented, config.local_keys)
        if self.relay.name in request.headers.get("via", ""):
            raise LoopDetected("This request has come back to its sender: check baseUrl.")

    def _answer_preflight(self, flow: http.HTTPFlow, origin: str | None) -> None:
        requested = flow.request.headers.get("access-control-request-headers", "")
        fields = preflight_fields(origin, requested) if origin else ()
        flow.response = http.Response.make(204, b"", fields)

    def _answer_json(self, flow: http.HTTPFlow, call: Call, document: object) -> None:
        fields = ((b"Content-Type", b"application/json"), *cors_fields(call.origin))
        flow.response = http.Response.make(200, to_json(document) + b"\n", fields)

    def _health(self) -> dict[str, object]:
        session = self.relay.session
        session.refresh()
        return {
            "status": "degraded" if session.problem else "ok",
            "service": "iflow-relay",
            "version": __version__,
            "iflow_logged_in": session.is_logged_in,
        }

    def _read_chat(self, flow: http.HTTPFlow, call: Call, upstream: Upstream) -> None:
        if flow.request.headers.get("content-encoding", "identity") != "identity":
            raise InvalidRequest("The request body is compressed: send it as it is.")
        chat = parse_chat(flow.request.raw_content or b"")
        call.asked, call.stream = chat.model, chat.stream
        call.run = chat.model
        if call.foreign_host or self.relay.config.model_map:
            model_map = self.relay.model_map(upstream)
            call.run = model_map.run(chat.model, foreign_host=call.foreign_host)
        flow.metadata["iflow.model"] = plain(call.run)
        flow.metadata["iflow.model.asked"] = plain(call.asked)
        if call.run != call.asked:
            flow.request.raw_content = chat.with_model(call.run)

    def _aim(self, flow: http.HTTPFlow, call: Call, upstream: Upstream) -> None:
        """Point the request at the upstream; the key itself is added on the wire alone."""
        request, base, data = flow.request, upstream.base_url, flow.request.data
        agent = user_agent(
            self.relay.config.user_agent, base, request.headers.get("user-agent", "")
        )
        has_body = bool(request.raw_content) or request.method in ("POST", "PUT", "PATCH")
        fields = request_fields(
            request.headers.fields,
            authority=base.authority,
            agent=agent,
            via=via(request.headers.fields, self.relay.name),
            length=len(request.raw_content or b"") if has_body else None,
        )
        data.scheme, data.host, data.port = base.scheme.encode(), base.host, base.port
        data.authority = base.authority.encode() if request.is_http2 else b""
        query = f"?{call.route.query}" if call.route.query else ""
        data.path = f"{base.path}{call.route.path}{query}".encode("utf-8", "surrogateescape")
        if call.route.kind is Kind.CHAT:
            fields = (*(f for f in fields if f[0].lower() != b"content-type"), JSON)
        # A replay runs through mitmproxy's own layer, which sends the flow as it stands.
        shown = authorization if flow.is_replay else self.relay.shown_authorization
        data.headers = http.Headers(fields + shown(upstream.key))
        call.upstream = upstream


def plain(text: str) -> str:
    """The text as a flow file can hold it."""
    return text.encode("utf-8", "replace").decode()


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
