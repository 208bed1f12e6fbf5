"""Points a request that is ours at the upstream; the key itself is added on the wire alone."""

from __future__ import annotations

from collections.abc import Mapping

from mitmproxy import http

from ..dialects.chat import ChatRequest
from ..headers import authorization, request_fields, user_agent, via
from ..jsontext import mend
from ..routing import Kind
from ..session import Upstream
from .call import Call
from .copies import headers_of
from .relay import Relay

JSON = (b"Content-Type", b"application/json")
"""What a chat request is, whatever its client called it: curl says it is a form."""


def aim(
    relay: Relay, flow: http.HTTPFlow, call: Call, upstream: Upstream, given: Mapping[str, str]
) -> None:
    """Write the request's address and fields anew; `given` are the fields that came, by name."""
    request, base, data = flow.request, upstream.base_url, flow.request.data
    agent = user_agent(relay.config.user_agent, base, given.get("user-agent", ""))
    has_body = bool(request.raw_content) or request.method in ("POST", "PUT", "PATCH")
    fields = request_fields(
        request.headers.fields,
        authority=base.authority,
        agent=agent,
        via=via(request.headers.fields, relay.name),
        length=len(request.raw_content or b"") if has_body else None,
    )
    data.scheme, data.host, data.port = base.scheme.encode(), base.host, base.port
    data.authority = base.authority.encode() if request.is_http2 else b""
    query = f"?{call.route.query}" if call.route.query else ""
    data.path = f"{base.path}{call.route.path}{query}".encode("utf-8", "surrogateescape")
    if call.route.kind is Kind.CHAT:
        fields = (*(f for f in fields if f[0].lower() != b"content-type"), JSON)
    # A replay runs through mitmproxy's own layer, which sends the flow as it stands.
    shown = authorization if flow.is_replay else relay.shown_authorization
    data.headers = headers_of(fields + shown(upstream.key))
    call.upstream, call.key = upstream, upstream.key


def run_on(flow: http.HTTPFlow, call: Call, chat: ChatRequest, model: str) -> None:
    """Have a chat run on a model, whatever it asked for."""
    call.asked, call.run, call.stream = chat.model, model, chat.stream
    flow.metadata["iflow.model"] = mend(model)
    flow.metadata["iflow.model.asked"] = mend(chat.model)
    if model != chat.model:
        flow.request.raw_content = chat.with_model(model)
