"""What the addons share: the parsed options, the session, and the calls under way."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import ReverseMode

from ..catalog import ModelMap, name_more
from ..config import OPTIONS, Config, parse_config
from ..credential import Secret
from ..dialects.chat import Usage
from ..dialects.chat_stream import ChatStream
from ..errors import RelayError, render_error_body
from ..headers import Fields, authorization, cors_fields, masked_authorization
from ..interception import Decision, decide
from ..library import Library
from ..next_proxy import Proxy, read_route
from ..routing import Route
from ..session import Session, Upstream
from .copies import headers_of, twin
from .line import Line

NOTHING_SAID = Usage()


@dataclass(slots=True)
class Call:
    """One request of a client, from its head to the end of its answer; times are monotonic."""

    route: Route
    foreign_host: bool = False
    origin: str | None = None
    begun: float = field(default_factory=time.monotonic)
    asked: str = ""
    run: str = ""
    stream: bool = False
    upstream: Upstream | None = None
    reader: ChatStream | None = None
    usage: Usage = NOTHING_SAID
    leave_line: Callable[[], None] | None = None

    def redact(self, text: str) -> str:
        """The text without the key that the upstream was called with."""
        key = self.upstream.key if self.upstream else None
        return key.redact(text) if key else text


class Ended(NamedTuple):
    """A call that has ended, for whoever reports on it; times in seconds."""

    call: Call
    status: int
    error: str | None
    usage: Usage
    first_token: float | None
    duration: float
    client: str


class Relay:
    """The state of one relay; also what its protocol layer asks (`Policy`)."""

    connect_timeout = 10.0
    """Seconds for TCP and TLS to an upstream."""

    def __init__(self) -> None:
        self.config: Config = parse_config({option.name: option.default for option in OPTIONS})
        self.session = Session(self.config, os.environ)
        self.library = Library()
        self.line = Line(0)
        self.keeps_bodies = False
        self.checks_heads = True
        self.refused = False
        """Whether this start was refused, so that nobody should be greeted."""
        self.on_end: list[Callable[[Ended], None]] = []
        self.route = read_route("none", {})
        self.counts = {"tunnelled": 0, "intercepted": 0}
        """Connections so far."""
        self.refused_for: set[str] = set()
        """Virtual hosts for which a client has not trusted our certificate."""
        self.endpoint: str | None = None
        self.proxy: str | None = None
        """Where this relay listens, like `http://127.0.0.1:8080`; None where it does not."""
        self.calls: WeakKeyDictionary[http.HTTPFlow, Call] = WeakKeyDictionary()
        self.name = f"iflow-relay-{secrets.token_hex(4)}"
        """This process in `Via`: a request that carries it has come back to its sender."""

    def set_config(self, config: Config) -> None:
        """Take over options that were parsed; calls under way end as they began."""
        before, self.config = self.config, config
        if _credential_options(config) != _credential_options(before):
            self.session = Session(config, os.environ)
        if config.max_concurrency != before.max_concurrency:
            self.line = Line(config.max_concurrency)
        self.library.use(config.models)
        self.find_way()

    def find_way(self) -> None:
        """Look for the proxy behind the relay; one that is the relay itself is none."""
        own = {urlsplit(at).netloc for at in (self.endpoint, self.proxy) if at}
        ports = frozenset(int(at.rpartition(":")[2]) for at in own)
        self.route = read_route(self.config.next_proxy, os.environ).without(ports)

    # --- what the protocol layer asks --------------------------------------------------------

    @property
    def timeout(self) -> float:
        return self.config.timeout

    @property
    def max_body(self) -> int:
        return self.config.max_body

    def claim(self, context: Context, request: http.Request) -> str | None:
        """How a request came to be ours: on a reverse listener, or for a virtual host."""
        if isinstance(context.client.proxy_mode, ReverseMode):
            return "reverse"
        if request.method == "CONNECT":
            return None
        if not request.host and context.server.address is None:
            # In origin form, to a proxy: it is the relay itself that is asked.
            return "reverse"
        names = (request.host, context.client.sni, (context.server.address or ("",))[0])
        return "proxy" if decide(names, self.config.hosts).intercepted else None

    def decide(self, name: str | None) -> Decision:
        """Whether a connection with this name is ours."""
        return decide((name,), self.config.hosts)

    def is_pinned(self, name: str) -> bool:
        """Whether a virtual host is to be left alone, as a client of it has not trusted us."""
        return self.config.pinned == "tunnel" and name in self.refused_for

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy that this machine's programs use on the way there."""
        return self.route.to(scheme, host, port)

    def count(self, what: Literal["tunnelled", "intercepted"]) -> None:
        """Count a connection."""
        self.counts[what] += 1

    def wire(self, flow: http.HTTPFlow) -> http.Request | None:
        """The flow's request with the real key in it, and only towards the upstream it is for."""
        call = self.calls.get(flow)
        if call is None or call.upstream is None:
            return None
        request = flow.request
        base = call.upstream.base_url
        aimed = (request.scheme, request.host, request.port) == (base.scheme, base.host, base.port)
        fields = tuple(f for f in request.headers.fields if f[0].lower() != b"authorization")
        wire = twin(request)
        if not request.is_http2:
            wire.data.http_version = b"HTTP/1.1"
        key = call.upstream.key if aimed else None
        wire.data.headers = headers_of(fields + authorization(key))
        return wire

    def render(self, error: RelayError, flow: http.HTTPFlow | None = None) -> http.Response:
        """An error as an answer, and a note of it on the flow."""
        fields: Fields = ((b"Content-Type", b"application/json"), *error.fields)
        if flow is not None:
            flow.metadata["iflow.error"] = error.code
            call = self.calls.get(flow)
            fields += cors_fields(call.origin if call else None)
        return http.Response.make(error.status, render_error_body(error), fields)

    # --- what the addons ask -----------------------------------------------------------------

    def end(self, flow: http.HTTPFlow) -> None:
        """A call is over: note its figures on the flow, and forget it and its key."""
        call = self.calls.pop(flow, None)
        if call is None:
            return
        if call.leave_line:
            call.leave_line()
        reader = call.reader
        error = flow.metadata.get("iflow.error")
        if reader and reader.failure:
            error = reader.failure.code
        elif flow.error and not error:
            error = "client_disconnected"
        usage = reader.usage if reader else call.usage
        first = reader.first_token_at - call.begun if reader and reader.first_token_at else None
        ended = Ended(
            call,
            flow.response.status_code if flow.response else 0,
            error,
            usage,
            first,
            time.monotonic() - call.begun,
            _client_name(flow),
        )
        _note(flow, ended)
        for observer in self.on_end:
            observer(ended)

    def shown_authorization(self, key: Secret | None) -> Fields:
        """The field that logs in, as the recorded flow shows it."""
        return (authorization if self.config.show_credentials else masked_authorization)(key)

    def mask(self, flow: http.HTTPFlow, call: Call) -> None:
        """Take the key out of a flow that had to carry it on the wire."""
        kept = [f for f in flow.request.headers.fields if f[0].lower() != b"authorization"]
        key = call.upstream.key if call.upstream else None
        flow.request.headers = http.Headers((*kept, *self.shown_authorization(key)))

    def reported(self, call: Call) -> str | None:
        """The model that the answer is to name; None where it says so itself."""
        wanted = self.config.report_model == "requested" and call.asked != call.run
        return call.asked if wanted and call.asked else None

    def with_names(self, entries: list[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
        """The catalog; for an app that believes to talk to OpenAI, with the names it looks for."""
        return name_more(entries, self.config.model_map) if call.foreign_host else entries

    def model_map(self, upstream: Upstream) -> ModelMap:
        """How a model that was asked for becomes the one that runs."""
        own = self.library.own_list(upstream.base_url)
        if own is None:
            known = self.library.learned | self.library.overlay_ids()
        else:
            known = frozenset(str(entry["id"]) for entry in own)
        first = str(own[0]["id"]) if own else None
        if upstream.model:
            known |= {upstream.model}
        return ModelMap(self.config.model_map, upstream.model or first, known)


def _credential_options(config: Config) -> tuple[object, ...]:
    return config.settings, config.base_url, config.api_key


def _client_name(flow: http.HTTPFlow) -> str:
    """The client's program as its User-Agent begins, else its address."""
    agent = str(flow.metadata.get("iflow.client", ""))
    return agent.split(" ")[0][:40] or str((flow.client_conn.peername or ("?",))[0])


def _note(flow: http.HTTPFlow, ended: Ended) -> None:
    """The call's figures as metadata: plain values, which flow files can hold."""
    figures = {
        "iflow.error": ended.error,
        "iflow.tokens.prompt": ended.usage.prompt,
        "iflow.tokens.completion": ended.usage.completion,
        "iflow.ttft": ended.first_token,
        "iflow.duration": ended.duration,
    }
    flow.metadata.update({name: value for name, value in figures.items() if value is not None})
