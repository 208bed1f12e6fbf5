"""What the relay's layers override or use of mitmproxy's internals, and whether it is there.

mitmproxy answers a failure of its own with a page of HTML, ends a stream that broke as if all were
well where an addon streams it, and has no hook for either (its issue 4854). So what is ours runs in
layers of this folder that lean on mitmproxy's own: `layer`, `stream`, `answering`, `connecting`,
`gate`, `passage`, `http1` and `http1_upstream`; `hooks`, `connect`, `presence` and `master` reach
into what runs them.
"""

from __future__ import annotations

import importlib.util
import inspect
import re

from mitmproxy import http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons.proxyserver import Proxyserver, Servers
from mitmproxy.master import Master
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.proxy.server import ConnectionHandler

from .hooks import WATCHERS

NEEDED = {
    Layer: ("_handle_event", "_paused", "_paused_event_queue"),
    HttpStream: (
        "state_wait_for_request_headers",
        "handle_connect",
        "passthrough",
        "state_done",
        "state_errored",
        "handle_protocol_error",
        "check_killed",
        "client_state",
        "server_state",
        "request_body_buf",
        "response_body_buf",
    ),
    HttpLayer: (
        "make_stream",
        "get_connection",
        "event_to_child",
        "_handle_event",
        "connections",
        "streams",
        "waiting_for_establishment",
        "command_sources",
        "register_connection",
    ),
    HttpUpstreamProxy: ("make",),
    modes.DestinationKnown: ("finish_start",),
    http.MessageData: ("__post_init__",),
    AddonManager: ("lookup", "chain"),
    ConnectionHandler: ("server_event", "timeout_watchdog", "max_conns", "transports", "layer"),
    Http1Client: (
        "read_headers",
        "read_body",
        "mark_done",
        "send",
        "done",
        "buf",
        "response",
        "conn",
    ),
    Master: ("_legacy_log_events",),
    Proxyserver: ("connections", "servers"),
    Servers: ("changed", "is_updating"),
    ServerInstance: ("mode", "listen_addrs"),
    Http1Server: ("send", "read_headers", "read_body", "done", "buf", "state", "conn", "mark_done"),
}
"""What the relay's layers override or use of mitmproxy's."""


def check_internals() -> list[str]:
    """What is needed of mitmproxy and not there any more, in words; empty where all is there."""
    moved = [name for name in sorted(WATCHERS) if importlib.util.find_spec(name) is None]
    return moved + [
        f"{owner.__name__}.{name}"
        for owner, names in NEEDED.items()
        for name in names
        if not hasattr(owner, name) and not re.search(rf"self\.{name}\b", _constructor(owner))
    ]


def _constructor(owner: type) -> str:
    found = (vars(base).get("__init__") for base in owner.__mro__)
    # A dataclass's constructor has no source; what it sets is on the class.
    written = [f for f in found if inspect.isfunction(f) and f.__code__.co_filename != "<string>"]
    return "".join(map(inspect.getsource, written))
