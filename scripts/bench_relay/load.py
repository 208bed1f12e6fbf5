"""Drives connections for a time or a number of requests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic_ns
from typing import NamedTuple

from .client import Connection, LoadError

GRACE = 30
"""Seconds that what was begun may take beyond its time; after that a system counts as hung."""


class Done(NamedTuple):
    """What was done in how many seconds, and how long each answer took, in nanoseconds."""

    answers: int
    seconds: float
    latencies: list[int]


@asynccontextmanager
async def connected[C: Connection](
    port: int, kind: Callable[[], C], number: int, warm: bytes
) -> AsyncIterator[list[C]]:
    """Connections that have each been used once, so that nothing is opened while it counts."""
    loop = asyncio.get_running_loop()
    connections: list[C] = []
    try:
        while len(connections) < number:
            _, connection = await loop.create_connection(kind, "127.0.0.1", port)
            connections.append(connection)
        await drive(connections, warm, count=number)
        yield connections
    finally:
        for connection in connections:
            connection.close()


async def drive(
    connections: Sequence[Connection],
    request: bytes,
    *,
    seconds: float = 0,
    count: int = 0,
    spread: float = 0,
) -> Done:
    """Ask on all connections, on each again as soon as its answer has ended.

    Nothing new is begun after `seconds`, or when `count` were; what was begun is awaited and
    counts. `spread` seconds lie between the first request and the last connection's first.
    """
    run = _Run(request, seconds, count)
    gc.disable()  # a collection in here would show up as somebody's latency
    try:
        async with asyncio.timeout(seconds + spread + GRACE):
            return await run.go(connections, spread)
    except TimeoutError:
        raise LoadError(f"{run.under_way} answers did not end") from None
    finally:
        gc.enable()


class _Run:
    def __init__(self, request: bytes, seconds: float, count: int) -> None:
        self._request = request
        self._seconds = seconds
        self._to_ask = count
        self._ends_at = 0
        self._latencies: list[int] = []
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way = 0

    async def go(self, connections: Sequence[Connection], spread: float) -> Done:
        begun = monotonic_ns()
        self._ends_at = begun + int(self._seconds * 1e9)
        loop = asyncio.get_running_loop()
        for index, connection in enumerate(connections):
            connection.on_end = self._end
            connection.on_failure = self._fail
            self.under_way += 1
            if spread:
                loop.call_later(spread * index / len(connections), self._ask, connection)
            else:
                self._ask(connection)
        await self._ended
        return Done(len(self._latencies), (monotonic_ns() - begun) / 1e9, self._latencies)

    def _ask(self, connection: Connection) -> None:
        self._to_ask -= 1
        connection.ask(self._request)

    def _end(self, connection: Connection) -> None:
        now = monotonic_ns()
        self._latencies.append(now - connection.begun)
        if self._to_ask > 0 or now < self._ends_at:
            self._to_ask -= 1
            connection.ask(self._request)
            return
        self.under_way -= 1
        if not self.under_way and not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, error: LoadError) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
