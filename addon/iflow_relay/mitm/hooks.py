"""Runs hooks without asking every addon, and tells their end at once where nothing has to wait.

mitmproxy asks each of its three dozen addons at each hook, twice, and tells a stream that its hook
has ended by way of a task, a lock and another turn of the event loop. Here who wants a hook is
looked up once, and a hook that waits for nothing ends in the turn in which it began. What is
called, in which order, and what becomes of an error is as mitmproxy has it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from mitmproxy import exceptions, http
from mitmproxy.addonmanager import AddonManager, traverse
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.events import HookCompleted
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.utils import asyncio_utils

logger = logging.getLogger(__name__)

WATCHERS = frozenset(
    f"mitmproxy.addons.{name}" for name in ("dumper", "intercept", "save", "savehar", "view")
)
"""Modules of those addons that show flows, keep them, or hold them back for somebody who looks."""

Hook = Callable[..., Any]
FlowHook = (
    HttpRequestHeadersHook
    | HttpRequestHook
    | HttpResponseHeadersHook
    | HttpResponseHook
    | HttpErrorHook
)
Left = Coroutine[Any, Any, None]
"""What is left of a hook of which something waits."""


class HookTable:
    """Who wants which hook, for as long as the addons stay the same."""

    def __init__(self, addons: AddonManager, *, without: Collection[str] = ()) -> None:
        """`without` names modules whose addons are not asked."""
        self._addons = addons
        self._without = without
        self._seen: tuple[object, ...] = ()
        self._wanted: dict[str, list[Hook]] = {}

    def wanted(self, name: str) -> list[Hook]:
        """The addons' callables of this name, in mitmproxy's order."""
        seen = tuple(self._addons.lookup.values())
        if seen != self._seen:
            self._seen, self._wanted = seen, {}
        if name not in self._wanted:
            asked = (
                addon
                for addon in traverse(self._addons.chain)
                if type(addon).__module__ not in self._without
            )
            found = (getattr(addon, name, None) for addon in asked)
            self._wanted[name] = [hook for hook in found if callable(hook)]
        return self._wanted[name]

    def at_once(self, name: str, *arguments: object) -> Left | None:
        """Run a hook as far as it goes without waiting; what is left of it, if anything."""
        wanted = self.wanted(name)
        for done, hook in enumerate(wanted, 1):
            try:
                result = hook(*arguments)
            except exceptions.AddonHalt:
                return None
            except exceptions.OptionsError:
                raise
            except Exception as error:
                _log(error)
                continue
            if result is not None and inspect.isawaitable(result):
                return self._go_on(result, wanted[done:], arguments)
        return None

    async def _go_on(
        self, waiting: Awaitable[Any], rest: list[Hook], arguments: tuple[object, ...]
    ) -> None:
        try:
            await waiting
        except exceptions.AddonHalt:
            return
        except Exception as error:
            _log(error)
        for done, hook in enumerate(rest, 1):
            try:
                result = hook(*arguments)
            except exceptions.AddonHalt:
                return
            except Exception as error:
                _log(error)
                continue
            if result is not None and inspect.isawaitable(result):
                await self._go_on(result, rest[done:], arguments)
                return


class HooksAtOnce:
    """The hooks of one client connection's flows."""

    def __init__(self, handler: ConnectionHandler, table: HookTable, unseen: HookTable) -> None:
        self._handler = handler
        self._table = table
        self._unseen = unseen

    def unseen(self) -> HooksAtOnce:
        """The same for a flow that nobody is to see, keep or hold back."""
        return HooksAtOnce(self._handler, self._unseen, self._unseen)

    def shorten_the_way_to(self, layer: Layer) -> None:
        """Let events come straight to the layer, where those above it only ever pass them on."""
        above = layer.context.layers[:-1]
        if len(above) == 1 and type(above[0]) in (modes.ReverseProxy, modes.HttpProxy):
            self._handler.layer = layer

    def run(self, kind: type[FlowHook], flow: http.HTTPFlow) -> StartHook | None:
        """Run a hook; where it waits, the command to yield, whose end an event tells."""
        left = self._table.at_once(kind.name, flow)
        if left is None and not flow.intercepted:
            self._tell_watchers(flow)
            return None
        task = asyncio.create_task(self._finish(flow, left))
        if task.done():
            task.result()
            return None
        hook = kind(flow)
        asyncio_utils.create_task(
            self._tell_the_end(hook, task),
            name=f"handle_hook({hook.name})",
            keep_ref=True,
            client=self._handler.client.peername,
        )
        return hook

    def _tell_watchers(self, flow: http.HTTPFlow) -> None:
        """mitmproxy's `update`, for those who show flows."""
        if left := self._table.at_once("update", [flow]):
            asyncio_utils.create_task(left, name="update", keep_ref=True)

    async def _finish(self, flow: http.HTTPFlow, left: Left | None) -> None:
        # Without the watchdog, which would take the silence for a dead client.
        with self._handler.timeout_watchdog.disarm():
            if left:
                await left
            self._tell_watchers(flow)
            await flow.wait_for_resume()

    async def _tell_the_end(self, hook: StartHook, task: asyncio.Task[None]) -> None:
        await task
        await self._handler.server_event(HookCompleted(hook))


def _log(error: Exception) -> None:
    logger.error("Addon error: %s", error, exc_info=error)
