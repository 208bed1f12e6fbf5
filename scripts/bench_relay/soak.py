"""Whether memory grows: what a system holds after many requests, over what it held after some."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import phases
from .client import LoadError
from .host import pinned, split_cores
from .runner import Say
from .systems import House, Running

BAR_MB = 10
TURN = 1000
REST = 0.5
"""Seconds between the last answer and the measurement: connections are still being closed."""


class Amount(NamedTuple):
    """How much is asked: some first, then all the others, then streams."""

    first: int = 2_000
    requests: int = 20_000
    streams: int = 500
    words: int = 200


class Growth(NamedTuple):
    """Memory in MB: idle, after the first requests, after all of them, after the streams."""

    idle: float
    first: float
    requests: float
    streams: float

    @property
    def grown(self) -> float:
        """What came after the first requests."""
        return self.streams - self.first


async def soak(names: Sequence[str], amount: Amount, say: Say) -> dict[str, Growth | str]:
    """Put each system to it in turn; where one fails there is the reason instead."""
    cores = split_cores()
    found: dict[str, Growth | str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        pinned(cores.load if cores else None),
        House(Path(folder), cores) as house,
    ):
        upstream = await house.start_demo()
        for name in names:
            try:
                running = await house.start(name, upstream)
                found[name] = await _soak_one(name, running, amount, say)
                house.end(running)
            except (LoadError, OSError) as error:
                found[name] = str(error)
                say(f"{name} failed: {error}")
    return found


async def _soak_one(name: str, running: Running, amount: Amount, say: Say) -> Growth:
    idle = running.resident_mb()
    await _ask(name, running, amount.first, say)
    first = await _held(running)
    await _ask(name, running, amount.requests, say)
    after = await _held(running)
    say(f"{name}: {amount.streams} streams")
    await phases.streams(running, amount.streams, amount.words)
    return Growth(idle, first, after, await _held(running))


async def _ask(name: str, running: Running, count: int, say: Say) -> None:
    for done in range(0, count, TURN):
        say(f"{name}: {count} requests, {done} done")
        await phases.requests(running, min(TURN, count - done))


async def _held(running: Running) -> float:
    await asyncio.sleep(REST)
    return running.resident_mb()
