"""Pauses between the death of an agent and its next start, longer each time."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from ..errors import AgentFailed

SHORT: Final = 2.0
"""Seconds of a pause that a call waits for; of a longer one it is told."""

MIN_PAUSE: Final = 0.5
MAX_PAUSE: Final = 30.0


def pause_after(failures: int) -> float:
    """Seconds until the next start."""
    return min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(failures - 1, 10)) if failures else 0.0


class Pauses:
    """Counts failures in a row; `reason` is what the last one was told as."""

    def __init__(self) -> None:
        self.reason = ""
        self._failures = 0
        self._not_before = 0.0

    def count(self, reason: str) -> None:
        """It has failed once more."""
        self.reason = reason
        self._failures += 1
        self._not_before = asyncio.get_running_loop().time() + pause_after(self._failures)

    def forget(self) -> None:
        """It has worked: the next failure is the first."""
        self._failures = 0

    async def wait(self) -> None:
        """Return when it may be started; raises AgentFailed where that is long."""
        left = self._not_before - asyncio.get_running_loop().time()
        if left > SHORT:
            seconds = math.ceil(left)
            again = f"It is started again in {seconds} s at the earliest."
            raise AgentFailed(f"{self.reason}\n{again}", pause=seconds)
        if left > 0:
            await asyncio.sleep(left)
