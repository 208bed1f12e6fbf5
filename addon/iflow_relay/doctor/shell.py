"""Where the proxy variables of this shell lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ..credential import is_loopback
from ..next_proxy import AUTO, read_route
from ..remembered import SET as OURS
from ..routing import HostPattern
from .health import Who, find_listener
from .verdict import Verdict, failure, ok, warning

NAME: Final = "HTTPS_PROXY"

UNSET: Final = 'eval "$(iflow-relay env --unset)"'
SET: Final = 'eval "$(iflow-relay env)"'


class Way(NamedTuple):
    """How programs of this shell reach the virtual hosts."""

    verdict: Verdict
    through_relay: bool = False


def find_way(environ: Mapping[str, str], hosts: Sequence[HostPattern]) -> Way:
    """Whether they would go through a relay, to all virtual hosts."""
    try:
        route = read_route(AUTO, environ)
    except ValueError as error:
        return Way(warning(NAME, str(error), "mend it, or unset it"))
    proxy = route.proxies.get("https")
    if proxy is None:
        return Way(ok(NAME, "not set: programs of this shell go their usual way"))
    if not is_loopback(proxy.host):
        return Way(ok(NAME, f"{proxy}, which is not on this machine"))
    who = find_listener(proxy.host, proxy.port).who
    if who is Who.NOBODY:
        what = f"{proxy} is set, and nobody listens there: all calls fail"
        return Way(failure(NAME, what, UNSET if OURS in environ else f"unset {NAME}"))
    if who is Who.STRANGER:
        return Way(ok(NAME, f"{proxy}, which is no relay"))
    if past := [host.name for host in hosts if not route.to("https", host.name, 443)]:
        what = f"NO_PROXY leads calls to {', '.join(past)} past the relay at {proxy}"
        return Way(warning(NAME, what, SET))
    return Way(ok(NAME, f"{proxy}, a relay that answers"), through_relay=True)
