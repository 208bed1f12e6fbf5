"""Keeps the key of an OAuth login good for as long as the relay runs."""

from __future__ import annotations

import asyncio

from mitmproxy.utils import asyncio_utils

from .edge import HasRelay

INTERVAL = 5.0
"""Seconds between two looks at whether something is due: a look is one `stat` of a file or two."""


class RelayRenewal(HasRelay):
    """Looks now and then whether the key has to be renewed, also when nobody calls."""

    _task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(self._watch(), name="renew key", keep_ref=True)

    async def done(self) -> None:
        if self._task:
            self._task.cancel()
        await self.relay.renewal.close()

    async def _watch(self) -> None:
        while True:
            if not self.relay.config.replay:
                self.relay.renewal.look()
            await asyncio.sleep(INTERVAL)
