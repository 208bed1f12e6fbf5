"""Whether the upstream can be reached, takes the key, and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..catalog import BUILTIN
from ..config import Config
from ..credential import BaseUrl, is_loopback, parse_base_url
from ..errors import RelayError
from ..next_proxy import Proxy, read_route
from ..session import Session, Upstream
from ..upstreams import CLOSED as CLOSED
from .calls import list_models, open_client
from .health import Who, find_listener
from .live import NAME, check_live
from .reach import OTHER_PROXY, MakeContext, reach
from .verdict import Status, Verdict, failure, skipped

COSTS: Final = "not made: it costs tokens"


def check_upstream(
    config: Config, environ: Mapping[str, str], make_context: MakeContext, *, live: bool
) -> Iterator[Verdict]:
    """A verdict for each step on the way, and for what is said at its end."""
    session = Session(config, environ)
    upstream = find_upstream(session)
    if upstream is None:
        yield skipped("upstream", "there is no base URL to go by")
        return
    for verdict in _check(config, environ, upstream, make_context, live=live):
        if upstream.base_url.is_iflow and verdict.status is Status.FAILURE:
            also = f"{OTHER_PROXY} " if verdict.advice == OTHER_PROXY else ""
            verdict = verdict._replace(advice=also + CLOSED)
        yield verdict


def find_upstream(session: Session) -> Upstream | None:
    """Where requests would go, also where there is no key to send them with."""
    try:
        return session.current()
    except RelayError:
        address = session.found.get("base_url")
    try:
        return Upstream(parse_base_url(address.value), None, None, {}) if address else None
    except ValueError:
        return None


def find_proxy(option: str, environ: Mapping[str, str], base: BaseUrl) -> Proxy | None:
    """The proxy behind the relay on the way there; a relay is none, as this shell may use one."""
    route = read_route(option, environ)
    relays = frozenset(
        proxy.port
        for proxy in route.proxies.values()
        if is_loopback(proxy.host) and find_listener(proxy.host, proxy.port).who is Who.RELAY
    )
    return route.without(relays).to(base.scheme, base.host, base.port)


def _check(
    config: Config,
    environ: Mapping[str, str],
    upstream: Upstream,
    make_context: MakeContext,
    *,
    live: bool,
) -> Iterator[Verdict]:
    base = upstream.base_url
    try:
        proxy = find_proxy(config.next_proxy, environ, base)
    except ValueError as error:
        yield failure("name", str(error), "mend HTTPS_PROXY, or set iflow_next_proxy=none")
        return
    if not (yield from reach(base, proxy, make_context)):
        yield skipped("answer", "not reached")
        return
    if upstream.key is None and not base.is_loopback:
        yield skipped("answer", "there is no key to ask with")
        return
    with open_client(upstream, proxy, make_context, config.user_agent) as client:
        listed = list_models(client, upstream)
        yield listed.verdict
        if not live:
            yield skipped(NAME, COSTS, "iflow-relay doctor --live")
        elif model := _choose(upstream, listed.models):
            yield check_live(client, upstream, model)
        else:
            yield skipped(NAME, "no model is named", "name one: modelName in settings.json")


def _choose(upstream: Upstream, listed: tuple[str, ...]) -> str | None:
    """The model that a call would run on by default."""
    if upstream.model:
        return upstream.model
    if upstream.base_url.is_iflow:
        return BUILTIN[0].id
    return listed[0] if listed else None
