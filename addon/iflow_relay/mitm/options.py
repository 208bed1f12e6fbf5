"""Declares the relay's options, reads them, and sets those of mitmproxy that the relay rests on."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Sequence
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs

from ..config import ConfigError, parse_config
from ..credential import is_loopback
from ..options import OPTIONS
from ..trust.authority import AuthorityError
from .internals import check_internals
from .master import load_options, prepare_certificates
from .relay import Relay
from .verification import read_verification

logger = logging.getLogger(__name__)

LISTENING = (
    mode_specs.ReverseMode,
    mode_specs.RegularMode,
    mode_specs.UpstreamMode,
    mode_specs.Socks5Mode,
)
"""The modes in which mitmproxy listens for programs that were told where it is."""

NEEDED: dict[str, Any] = {
    "connection_strategy": "lazy",
    "upstream_cert": False,
    "keep_host_header": True,
}
"""Without these mitmproxy would call the original host, or hide the Host that the client sent."""


class RelayOptions:
    """The options, and what they must not contradict."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    def load(self, loader: Loader) -> None:
        if missing := check_internals():
            logger.error("This mitmproxy lacks %s: use a 12.x that has it.", ", ".join(missing))
        for option in OPTIONS:
            loader.add_option(option.name, option.type, option.default, option.help)
        _convert_values()
        ctx.options.update(**NEEDED)
        try:
            prepare_certificates(ctx.master)
        except AuthorityError as error:
            logger.error("%s", error)

    def configure(self, updated: set[str]) -> None:
        # Reading an option of mitmproxy's copies it deeply: not once for every request.
        self.relay.asks_login = bool("proxyauth" in ctx.options and ctx.options.proxyauth)
        self.relay.verification = read_verification(ctx.options)
        self.relay.checks_heads = bool(ctx.options.validate_inbound_headers)
        for name, value in NEEDED.items():
            if name in updated and getattr(ctx.options, name) != value:
                raise OptionsError(
                    f"{name}: iflow-relay needs {value!r}, else the original host could be called"
                )
        if any(name.startswith("iflow_") for name in updated):
            try:
                config = parse_config({o.name: getattr(ctx.options, o.name) for o in OPTIONS})
            except ConfigError as error:
                raise OptionsError(str(error)) from error
            self.relay.set_config(config)
        keeps = ctx.options.store_streamed_bodies or self.relay.config.record
        self.relay.keeps_bodies = bool(keeps)
        # What is written to a file is written whole.
        files = (name for name in ("save_stream_file", "hardump") if name in ctx.options)
        written = self.relay.config.record or any(getattr(ctx.options, name) for name in files)
        kept = None if written else self.relay.config.keep_flows
        self.relay.max_kept = kept.size if kept else sys.maxsize
        if "mode" in updated or "listen_host" in updated or "iflow_local_keys" in updated:
            self._check_listeners()

    def running(self) -> None:
        # What start-up made lives as long as the process: the collector need not walk it again,
        # which takes tens of milliseconds that every stream would wait for.
        gc.collect()
        gc.freeze()
        self._narrow_listeners()
        self._keep_bodies_for_viewers()
        self._show_comments()
        self._check_upstream()

    def _check_listeners(self) -> None:
        """Refuse to listen beyond loopback without keys: whoever can connect could spend."""
        if self.relay.config.local_keys:
            return
        for mode in _http_modes():
            host = mode.listen_host(ctx.options.listen_host)
            if host and not is_loopback(host):
                raise OptionsError(
                    f"iflow_local_keys: listening on {host} lets others in: set keys that clients "
                    "must present, or listen on 127.0.0.1"
                )

    def _narrow_listeners(self) -> None:
        """Where no address was asked for, listen on loopback: mitmproxy's own default is all."""
        modes = [_narrowed(spec) for spec in ctx.options.mode]
        if modes != list(ctx.options.mode):
            ctx.options.update(mode=modes)

    def _keep_bodies_for_viewers(self) -> None:
        """Keep streamed bodies where somebody can look at them; elsewhere they only cost memory."""
        saves = "save_stream_file" in ctx.options and ctx.options.save_stream_file
        # A view without flows has the length 0, so it is asked for by name and not by truth.
        if saves or ctx.master.addons.get("view") is not None:
            ctx.options.update(store_streamed_bodies=True)

    def _show_comments(self) -> None:
        """Have mitmweb show its column for comments, unless somebody has chosen the columns."""
        if "web_columns" in ctx.options and not ctx.options.has_changed("web_columns"):
            columns = list(ctx.options.web_columns)
            columns.insert(columns.index("path") + 1 if "path" in columns else 0, "comment")
            ctx.options.update(web_columns=columns)

    def _check_upstream(self) -> None:
        """Say at start what would go wrong at the first request."""
        if self.relay.config.replay:
            return
        session = self.relay.session
        session.refresh()
        if session.problem:
            logger.warning("%s", session.problem.message)
            return
        upstream = session.current()
        base = upstream.base_url
        ports = {mode.listen_port(ctx.options.listen_port) for mode in _http_modes()}
        if base.is_loopback and base.port in ports:
            self.relay.refused = True
            logger.error(
                "The base URL %s is this relay itself: requests would go round and round.", base
            )
        for mode in _http_modes():
            if isinstance(mode, mode_specs.ReverseMode) and mode.address[0] != base.host:
                logger.warning(
                    "Requests go to %s (%s), not to the %s of --mode.",
                    base,
                    upstream.origins["base_url"],
                    mode.address[0],
                )


def _convert_values() -> None:
    """Take the values given so far, before mitmproxy does it where it cannot be caught.

    Over a value that is no number mitmproxy would drop the script, and serve on without it.
    """
    try:
        ctx.options.process_deferred()
    except OptionsError as error:
        for option in OPTIONS:
            given = ctx.options.deferred.pop(option.name, None)
            if option.name in str(error):
                logger.error("%s Given: %s", error, ", ".join(getattr(given, "val", ())))


def _http_modes() -> list[mode_specs.ProxyMode]:
    modes = [mode_specs.ProxyMode.parse(spec) for spec in ctx.options.mode]
    return [mode for mode in modes if isinstance(mode, LISTENING)]


def _narrowed(spec: str) -> str:
    """The mode on 127.0.0.1 where it names no address; else unchanged."""
    mode = mode_specs.ProxyMode.parse(spec)
    if not isinstance(mode, LISTENING):
        return spec
    if mode.listen_host(ctx.options.listen_host):
        return spec
    return f"{spec.partition('@')[0]}@127.0.0.1:{mode.listen_port(ctx.options.listen_port)}"


def read_values(sets: Sequence[str]) -> dict[str, Any]:
    """The relay's options as a start with these `--set` texts has them; raises ValueError."""
    opts = Options()
    for option in OPTIONS:
        opts.add_option(option.name, option.type, option.default, option.help)
    # Those of other addons, such as mitmweb's, are for the program to judge that has them.
    known = [t for t in sets if (name := t.partition("=")[0]) in opts or name.startswith("iflow_")]
    try:
        load_options(opts, {}, known)
    except OptionsError as error:
        raise ValueError(str(error)) from error
    return {option.name: getattr(opts, option.name) for option in OPTIONS}
