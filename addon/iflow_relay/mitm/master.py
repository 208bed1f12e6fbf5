"""Runs the relay on mitmproxy's own Master with only the addons that a relay needs.

mitmproxy asks every addon at every hook, and a full set is some 35 of them: that, and a log record
formatted for each event, is half of what a request costs. The hooks and their order stay the same.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mitmproxy import exceptions, hooks, master, optmanager
from mitmproxy.addonmanager import AddonManager, traverse
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.options import Options

logger = logging.getLogger(__name__)

Hook = Callable[..., Any]


class HookTable(AddonManager):
    """An addon manager that looks up who wants a hook once, and not at every event."""

    def __init__(self, owner: master.Master) -> None:
        super().__init__(owner)  # type: ignore[no-untyped-call]
        self._table: dict[str, list[Hook]] = {}

    def register(self, addon: Any) -> Any:
        self._table.clear()
        return super().register(addon)  # type: ignore[no-untyped-call]

    def remove(self, addon: Any) -> None:
        self._table.clear()
        super().remove(addon)  # type: ignore[no-untyped-call]

    async def trigger_event(self, event: hooks.Hook) -> None:
        wanted = self._table.get(event.name)
        if wanted is None:
            wanted = self._table[event.name] = self._look_up(event.name)
        if not wanted:
            return
        arguments = event.args()
        for hook in wanted:
            try:
                result = hook(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception as error:
                logger.error("Addon error: %s", error, exc_info=error)

    def _look_up(self, name: str) -> list[Hook]:
        found = (getattr(addon, name, None) for addon in traverse(self.chain))
        return [hook for hook in found if callable(hook)]


class RelayMaster(master.Master):
    """mitmproxy's Master with the proxy itself, its TLS, and the relay."""

    def __init__(self, options: Options, addons: Sequence[object]) -> None:
        super().__init__(options)
        # Its handler formats every record for an event that nobody here listens to.
        self._legacy_log_events.uninstall()
        self.addons = HookTable(self)
        # ErrorCheck last: it ends a start at which anything above has logged an error.
        own = (Proxyserver(), *addons, NextLayer(), TlsConfig(), ErrorCheck())
        self.addons.add(*own)  # type: ignore[no-untyped-call]

    async def running(self) -> None:
        await super().running()
        # What start-up made lives as long as the process: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)


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
    relay_master = RelayMaster(opts, addons)
    load_options(opts, options, sets)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, relay_master.shutdown)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(relay_master.shutdown))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    await relay_master.run()


def load_options(opts: Options, options: Mapping[str, Any], sets: Sequence[str]) -> None:
    """Options as mitmproxy's own programs load them: config.yaml, then what this start asks for."""
    opts.set(*[text for text in sets if text.startswith("confdir=")])
    path = os.path.join(os.path.expanduser(opts.confdir), "config.yaml")
    optmanager.load_paths(opts, path)
    opts.update(**options)
    opts.set(*sets)
