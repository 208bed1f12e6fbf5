"""The line in which upstream calls wait where `iflow_max_concurrency` allows only so many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Line:
    """First come, first served; `places` 0 means that nobody waits."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places) if places else None
        self.waiting = 0

    async def enter(self) -> Callable[[], None]:
        """Wait for a place; the function returned gives it back, however often it is called."""
        places = self._places
        if places is None:
            return _nothing
        self.waiting += 1
        try:
            await places.acquire()
        finally:
            self.waiting -= 1
        held = [places]

        def leave() -> None:
            if held:
                held.pop().release()

        return leave


def _nothing() -> None:
    """Nobody waited, nothing is held."""
