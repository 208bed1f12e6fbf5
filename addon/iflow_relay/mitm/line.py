"""The line in which upstream calls wait where `iflow_max_concurrency` allows only so many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Leave = Callable[[], None]
"""Gives a place back, however often it is called."""


class Line:
    """First come, first served; `places` 0 means that nobody waits."""

    def __init__(self, places: int) -> None:
        self._limited = places > 0
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter_now(self) -> Leave | None:
        """A place, if there is one without waiting."""
        if not self._limited:
            return _nothing
        if not self._free or self._waiting:
            return None
        self._free -= 1
        return self._leave()

    async def enter(self) -> Leave:
        """Wait for a place."""
        if leave := self.enter_now():
            return leave
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        return self._leave()

    def _leave(self) -> Leave:
        held = [self._give_back]

        def leave() -> None:
            if held:
                held.pop()()

        return leave

    def _give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _nothing() -> None:
    """Nobody waited, nothing is held."""
