"""What would become of a request, in words: from the same code that decides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .errors import RelayError
from .interception import Target, decide
from .routing import HostPattern, Kind, route


class Explanation(NamedTuple):
    """`rule` is the virtual host that matches, `route` what answers, `goes_to` an address."""

    intercepted: bool
    host: str
    rule: str | None
    route: str | None
    goes_to: str | None
    lines: tuple[str, ...]


def explain(
    target: Target,
    method: str | None,
    hosts: Iterable[HostPattern],
    *,
    origin: str,
    base_url: str | None,
) -> Explanation:
    """Explain a request to a target; `origin` says where the virtual hosts come from."""
    patterns = tuple(hosts)
    decision = decide([target.host], patterns)
    if not decision.intercepted:
        return _explain_tunnel(target, patterns, origin)
    method = (method or _usual_method(target)).upper()
    what, goes_to, kind = _explain_route(method, target, base_url)
    first = f"intercepted: {target.host} is the virtual host {decision.rule} ({origin})"
    return Explanation(
        True, target.host, str(decision.rule), kind, goes_to, (first, f"{method} {what}")
    )


_READ = frozenset({"", "/", "/health", "/proxy.pac", "/metrics", "/models", "/files"})


def _usual_method(target: Target) -> str:
    """The API is asked by POST, and read by GET where it lists things."""
    path = target.path.partition("?")[0].removeprefix("/v1")
    reads = path in _READ or "/models/" in path
    return "GET" if reads or target.scheme in ("ws", "wss") else "POST"


def _explain_tunnel(target: Target, patterns: tuple[HostPattern, ...], origin: str) -> Explanation:
    goes_to = f"{target.host}:{target.port}"
    how = "byte for byte" if target.scheme in ("http", "ws") else "undecrypted"
    names = ", ".join(map(str, patterns)) or "none"
    lines = (
        f"tunnelled: {target.host} is none of the virtual hosts ({names}; {origin})",
        f"goes to {goes_to}, {how}; to intercept it: --host {target.host}",
    )
    return Explanation(False, target.host, None, None, goes_to, lines)


def _explain_route(
    method: str, target: Target, base_url: str | None
) -> tuple[str, str | None, str | None]:
    """What answers a request, where it goes, and the kind of route."""
    if target.path == "/":
        return "goes to the relay; a path like /v1/models tells more", None, None
    if target.scheme in ("ws", "wss"):
        return "is a WebSocket: refused with 426, so that clients fall back to HTTP", None, None
    try:
        found = route(method, target.path)
    except RelayError as error:
        return f"{target.path} is answered with {error.status}: {error.message}", None, None
    if found.kind in (Kind.HEALTH, Kind.PAC, Kind.METRICS):
        return f"{target.path} is answered by the relay itself", None, found.kind.value
    if found.kind is Kind.MODELS:
        return f"{target.path} is answered with the catalog", None, found.kind.value
    if base_url is None:
        nowhere = f"{target.path} goes nowhere: there are no credentials (iflow-relay status)"
        return nowhere, None, found.kind.value
    query = f"?{found.query}" if found.query else ""
    goes_to = f"{base_url}{found.path}{query}"
    return f"{target.path} goes to {goes_to}", goes_to, found.kind.value
