"""Runs a hook at once, and tells its end at once where nothing in it had to wait.

mitmproxy tells a stream that its hook has ended by way of a lock and another turn of the event
loop, three times a request. Most hooks wait for nothing: their task is done as soon as it has begun
(the loop's tasks are eager), and the stream can go on in the same turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.events import HookCompleted
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.utils import asyncio_utils

AtOnce = Callable[[str, object], Coroutine[Any, Any, None] | None]


class HooksAtOnce:
    """The hooks of one client connection."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        # On a Master of the relay's own not even a task is needed.
        self._at_once: AtOnce | None = getattr(ctx.master.addons, "at_once", None)

    def run(self, hook: StartHook) -> bool:
        """Run a hook; False where it waits, so that an event tells its end."""
        if self._at_once:
            left = self._at_once(hook.name, hook.flow)  # type: ignore[attr-defined]
            if left is None:
                return True
            task = asyncio.create_task(self._disarmed(left))
        else:
            task = asyncio.create_task(self._handler.handle_hook(hook))
        if task.done():
            task.result()
            return True
        asyncio_utils.create_task(
            self._tell_the_end(hook, task),
            name=f"handle_hook({hook.name})",
            keep_ref=True,
            client=self._handler.client.peername,
        )
        return False

    async def _disarmed(self, left: Coroutine[Any, Any, None]) -> None:
        """Wait without mitmproxy's watchdog taking the silence for a dead client."""
        with self._handler.timeout_watchdog.disarm():
            await left

    async def _tell_the_end(self, hook: StartHook, task: asyncio.Task[None]) -> None:
        await task
        await self._handler.server_event(HookCompleted(hook))
