"""What the addons share: the parsed options, the session, and the calls under way."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode, Socks5Mode, UpstreamMode

from .. import next_proxy
from ..catalog import ModelMap, name_more
from ..config import Config, parse_config
from ..credential import Secret, is_loopback
from ..errors import NotFound, RelayError, render_error_body
from ..guard import host_of, is_virtual
from ..headers import (
    Fields,
    authorization,
    cors_fields,
    login_key,
    masked_authorization,
)
from ..interception import Decision, decide
from ..library import Library
from ..next_proxy import Proxy, read_route
from ..options import OPTIONS
from ..renewal import Renewal
from ..routing import ABOUT_RELAY, is_about_relay
from ..session import Session, Upstream
from ..succession import Successors
from ..troubles import Troubles
from ..verification import Verification
from .call import Call, Ended, end_call
from .comment import note
from .copies import headers_of, twin
from .learning import Learner
from .line import Line

if TYPE_CHECKING:
    from ..agent.book import AgentBook  # nobody may ever ask for an agent

logger = logging.getLogger(__name__)

OWN_HOST = "iflow.internal"
"""The virtual host that is nobody else's: an app that calls it means the relay."""

EXPLICIT = (RegularMode, UpstreamMode, Socks5Mode)
"""The modes in which a client has chosen this proxy, and could be anybody."""


class Relay:
    """The state of one relay; also what its protocol layer asks (`Policy`)."""

    connect_timeout = 10.0
    """Seconds for TCP and TLS to an upstream."""

    def __init__(self) -> None:
        self.config: Config = parse_config({option.name: option.default for option in OPTIONS})
        self.successors = Successors()
        self.session = Session(self.config, os.environ, self.successors)
        self.renewal = Renewal(self, os.environ)
        self.troubles = Troubles()
        """The last errors that clients met."""
        self.library = Library()
        self.learner = Learner(self.library)
        self.line = Line(0)
        self.verification = Verification()
        self.keeps_bodies = False
        self.max_kept = sys.maxsize
        self.checks_heads = True
        self.asks_login = False
        self.refused = False
        """Whether this start was refused, so that nobody should be greeted."""
        self.on_end: list[Callable[[Ended], None]] = []
        self.route = next_proxy.Route()
        self._odd_proxy = ""
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
            self.session = Session(config, os.environ, self.successors)
            self.renewal.try_again()
        if config.max_concurrency != before.max_concurrency:
            self.line = Line(config.max_concurrency)
        self.library.use(config.models)
        self.find_way()

    def find_way(self) -> None:
        """Look for the proxy behind the relay; one that is the relay itself is none."""
        own = {urlsplit(at).netloc for at in (self.endpoint, self.proxy) if at}
        ports = frozenset(int(at.rpartition(":")[2]) for at in own)
        try:
            route = read_route(self.config.next_proxy, os.environ)
        except ValueError as error:
            if str(error) != self._odd_proxy:
                self._odd_proxy = str(error)
                logger.warning("The proxy in the environment is not used: %s.", error)
            route = next_proxy.Route()
        self.route = route.without(ports)

    # --- what the protocol layer asks --------------------------------------------------------

    @property
    def timeout(self) -> float:
        return self.config.timeout

    def patience(self, flow: http.HTTPFlow) -> float:
        """As `timeout`; an agent has a deadline of its own."""
        call = self.calls.get(flow)
        return call.patience if call and call.patience else self.config.timeout

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

    def may_pass(self, client: Client, login: bytes) -> bool:
        """Whether a client may go through here to others: a stranger only with a local key.

        Else a relay for several machines would lead all of them to what listens on this one alone.
        Who may go through where mitmproxy asks for a login is its affair (`proxyauth`).
        """
        if is_loopback(client.peername[0]) or self.asks_login:
            return True
        if not isinstance(client.proxy_mode, EXPLICIT):
            return True
        key = login_key(login)
        keys = self.config.local_keys
        return key is not None and sum(local.matches(key) for local in keys) > 0

    def count(self, what: Literal["tunnelled", "intercepted"]) -> None:
        """Count a connection."""
        self.counts[what] += 1

    def is_unseen(self, request: http.Request) -> bool:
        """Whether somebody looks at the relay itself, and not at a path of somebody else's."""
        if not is_about_relay(request.path):
            return False
        host = host_of(request.authority or request.headers.get("host", ""))
        return host == OWN_HOST or not is_virtual(host, self.config.hosts)

    def wire(self, flow: http.HTTPFlow) -> http.Request | None:
        """The flow's request with the real key in it, and only towards the upstream it is for."""
        call = self.calls.get(flow)
        if call is None or call.upstream is None:
            return None
        request = flow.request
        if call.own == 0 and request.timestamp_end:
            call.own = max(0.0, time.time() - request.timestamp_end)
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
            self._remember(error, call)
        return http.Response.make(error.status, render_error_body(error), fields)

    # --- what the addons ask -----------------------------------------------------------------

    def end(self, flow: http.HTTPFlow) -> None:
        """A call is over: note its figures on the flow, and forget it and its key."""
        call = self.calls.pop(flow, None)
        if call is None:
            return
        if call.leave_line:
            call.leave_line()
        if call.route.kind in ABOUT_RELAY and not call.foreign_host:
            return
        if call.reader and call.reader.failure:
            self._remember(call.reader.failure, call)
        ended = end_call(flow, call)
        observers: list[Callable[[Ended], None]] = [partial(note, flow), *self.on_end]
        for observer in observers:
            try:
                observer(ended)
            except Exception as error:
                # Whoever only looks on spoils no answer.
                logger.warning("A call could not be noted: %r", error, exc_info=error)

    def _remember(self, error: RelayError, call: Call | None) -> None:
        """Keep an error for whoever asks what went wrong; a wrong path says nothing of that."""
        own_affair = call is not None and call.route.kind in ABOUT_RELAY
        if error.code != NotFound.code and not own_affair:
            self.troubles.add(error.status, error.code, error.message)

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

    @cached_property
    def agents(self) -> AgentBook:
        """The agents that there are."""
        from ..agent.book import AgentBook

        return AgentBook()

    def agent_entries(self) -> list[dict[str, Any]]:
        """The agents that could be called, as entries of the catalog."""
        from ..agent.book import render_agent

        return [render_agent(name) for name in self.agents.list_agents()]

    def with_names(self, entries: list[dict[str, Any]], call: Call) -> list[dict[str, Any]]:
        """The catalog; for an app that believes to talk to OpenAI, with the names it looks for."""
        there = {entry.get("id") for entry in entries}
        agents = [entry for entry in self.agent_entries() if entry["id"] not in there]
        named = name_more(entries, self.config.model_map) if call.foreign_host else entries
        return [*named, *agents]

    def model_map(self, upstream: Upstream) -> ModelMap:
        """How a model that was asked for becomes the one that runs."""
        own = self.library.own_list(upstream.base_url)
        if own is None:
            listed = self.library.learned(upstream.base_url) or ()
        else:
            listed = tuple(str(entry["id"]) for entry in own)
        known = self.library.overlay_ids().union(listed) if own is None else frozenset(listed)
        default = upstream.model or (listed[0] if listed else None)
        if upstream.model:
            known |= {upstream.model}
        return ModelMap(self.config.model_map, default, known)


def _credential_options(config: Config) -> tuple[object, ...]:
    return (
        config.settings,
        config.base_url,
        config.api_key,
        config.oauth_url,
        config.oauth_client_secret,
    )
