"""Runs the relay on mitmproxy's own Master with only the addons that a relay needs.

mitmproxy asks every addon at every hook, and a full set is some 35 of them: that, and a log record
formatted for each event, is half of what a request costs. The hooks and their order stay the same.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, hooks, http, master, optmanager
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.flow import Flow
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs

from .authority import ensure_authority
from .hooks import HookTable


class QuickAddonManager(AddonManager):
    """An addon manager that asks only those addons that want a hook."""

    def __init__(self, owner: master.Master) -> None:
        super().__init__(owner)  # type: ignore[no-untyped-call]
        self._table = HookTable(self)

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        await self.trigger_event(event)
        (message,) = event.args()
        if isinstance(message, Flow) and self._table.wanted("update"):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        if left := self._table.at_once(event.name, *event.args()):
            await left


def skip_type_checks() -> None:
    """Leave out the check of every field of every message against its type.

    It helps those who write addons; here it is a tenth of a request, and no other addon is loaded.
    """
    http.MessageData.__post_init__ = lambda _: None  # type: ignore[method-assign]


class RelayMaster(master.Master):
    """mitmproxy's Master with the proxy itself, its TLS, and the relay."""

    def __init__(self, options: Options, addons: Sequence[object]) -> None:
        super().__init__(options)
        # Its handler formats every record for an event that nobody here listens to.
        self._legacy_log_events.uninstall()
        skip_type_checks()
        self.addons = QuickAddonManager(self)
        # ErrorCheck last: it ends a start at which anything above has logged an error.
        own = (Proxyserver(), *addons, NextLayer(), TlsConfig(), ErrorCheck())
        self.addons.add(*own)  # type: ignore[no-untyped-call]

    async def running(self) -> None:
        await super().running()
        # Flows and their streams are cycles: without the oldest generation they would pile up.
        gc.set_threshold(5_000, 10, 2)


def run(options: Mapping[str, Any], sets: Sequence[str], addons: Sequence[object]) -> None:
    """Serve until SIGINT or SIGTERM; raises ValueError where an option is wrong.

    `options` are values by name, `sets` texts as `--set` takes them; config.yaml comes in between.
    """
    try:
        asyncio.run(_run(options, sets, addons))
    except exceptions.OptionsError as error:
        raise ValueError(str(error)) from error


async def _run(options: Mapping[str, Any], sets: Sequence[str], addons: Sequence[object]) -> None:
    opts = Options()
    texts = dict(text.split("=", 1) for text in sets if "=" in text)
    # Before any addon hears of it: mitmproxy's own would only print a traceback.
    confdir = texts.get("confdir", opts.confdir)
    check_authority(confdir, options["mode"], texts.get("cert_passphrase"))
    relay_master = RelayMaster(opts, addons)
    load_options(opts, options, sets)
    prepare_certificates(relay_master)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, relay_master.shutdown)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(relay_master.shutdown))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    await relay_master.run()


def prepare_certificates(owner: master.Master) -> None:
    """Have the certificate authority before anybody can call; raises AuthorityError in words.

    mitmproxy makes it once it listens already; a request that comes before that fails, and with it
    the start.
    """
    tls = owner.addons.get("tlsconfig")
    if tls is None:
        return
    check_authority(owner.options.confdir, owner.options.mode, owner.options.cert_passphrase)
    if tls.certstore is None:
        tls.configure({"confdir"})


def check_authority(confdir: str, modes: Sequence[str], passphrase: str | None) -> None:
    """Make the certificate authority where there is none; raises AuthorityError in words.

    One that is no good is of no matter to an endpoint without TLS, and one with a passphrase is for
    mitmproxy itself to judge.
    """
    specs = map(mode_specs.ProxyMode.parse, modes)
    if not passphrase and not all(isinstance(spec, mode_specs.ReverseMode) for spec in specs):
        ensure_authority(Path(confdir))


def load_options(opts: Options, options: Mapping[str, Any], sets: Sequence[str]) -> None:
    """Options as mitmproxy's own programs load them: config.yaml, then what this start asks for."""
    opts.set(*[text for text in sets if text.startswith("confdir=")])
    path = os.path.join(os.path.expanduser(opts.confdir), "config.yaml")
    optmanager.load_paths(opts, path)
    opts.update(**options)
    opts.set(*sets)
