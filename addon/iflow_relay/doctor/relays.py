"""Whether a relay can start, and whether those that run are well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from .. import __version__
from ..credential import is_loopback
from ..listen import check_port
from ..presence import Presence
from .health import Listener, Who, find_listener
from .verdict import Verdict, failure, ok, skipped, warning

RESTART = "end it and start it again"
LOG_IN = "`iflow-relay status` says what is missing, where it was started as this command was"


def check_relays(
    host: str, port: int, find_running: Callable[[], Sequence[Presence]]
) -> Iterator[Verdict]:
    """A verdict on the port, and one on each relay that left a note or listens there."""
    listener, running = find_listener(host, port), find_running()
    if listener.who is Who.RELAY:
        yield ok("port", f"a relay listens on {host}:{port}")
    else:
        yield _check_port(host, port, listener.who, elsewhere=bool(running))
    addresses = [address for relay in running if (address := relay.endpoint or relay.proxy)]
    if listener.who is Who.RELAY and not any(_is_at(address, port) for address in addresses):
        # Another user's, or one whose folder for notes is elsewhere.
        yield _check_relay(f"http://{host}:{port}", listener)
    for address in addresses:
        yield _check_address(address)
    if not addresses and listener.who is not Who.RELAY:
        yield skipped("relay", "none is running", "`iflow-relay serve` starts one")


def _check_port(host: str, port: int, who: Who, *, elsewhere: bool) -> Verdict:
    found = f"another program listens on {host}:{port}"
    if who is Who.NOBODY:
        try:
            check_port(host, port)
            return ok("port", f"{host}:{port} is free")
        except OSError as error:
            found = str(error).partition(". ")[0]
    other = f"choose another port: `iflow-relay serve --listen {host}:{_next(port)}`"
    if elsewhere:
        return warning("port", f"{found}; a relay runs elsewhere", other)
    return failure("port", found, other)


def _check_address(address: str) -> Verdict:
    """Ask a relay that has left a note."""
    parts = urlsplit(address)
    if not parts.hostname or not parts.port or not is_loopback(parts.hostname):
        return ok("relay", f"{address}, which is not asked: it is no address of this machine")
    listener = find_listener(parts.hostname, parts.port)
    if listener.who is not Who.RELAY:
        return failure("relay", f"{address} does not answer as a relay does", RESTART)
    return _check_relay(address, listener)


def _check_relay(address: str, listener: Listener) -> Verdict:
    if listener.version != __version__:
        what = f"{address} is version {listener.version}, and this program {__version__}"
        return warning("relay", what, RESTART)
    if not listener.is_logged_in:
        return warning("relay", f"{address} answers, but lacks credentials", LOG_IN)
    return ok("relay", f"{address} answers")


def _is_at(address: str, port: int) -> bool:
    return urlsplit(address).port == port


def _next(port: int) -> int:
    return port + 1 if port < 65535 else port - 1
