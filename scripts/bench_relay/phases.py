"""What is measured of a running system, each thing in one function."""

from __future__ import annotations

from collections.abc import Mapping

from .client import Connection, EventCounter, FirstEvent, LoadError, StampReader
from .figures import percentile
from .load import connected, drive
from .requests import SMALL, demo_stream, stamped_stream
from .systems import Running

CONNECTIONS = 32
PAUSE = 0.02
BETWEEN = 0.4 * PAUSE

type Sample = Mapping[str, float]
"""Values of one round, by name."""


async def latency(running: Running, seconds: float) -> Sample:
    """A small chat, not streamed, one after the other on one connection."""
    async with connected(running.port, Connection, 1, SMALL) as connections:
        done = await drive(connections, SMALL, seconds=seconds)
    return {
        "latency_p50_ms": percentile(done.latencies, 0.5) / 1e6,
        "latency_p99_ms": percentile(done.latencies, 0.99) / 1e6,
    }


async def throughput(running: Running, seconds: float) -> Sample:
    """The same on many connections, as fast as it goes."""
    async with connected(running.port, Connection, CONNECTIONS, SMALL) as connections:
        before, waited = running.cpu_seconds(), running.waited_seconds()
        done = await drive(connections, SMALL, seconds=seconds)
        used, waited = running.cpu_seconds() - before, running.waited_seconds() - waited
    sample = {"requests_per_second": done.answers / done.seconds}
    if running.process:
        sample["waited_percent"] = 100 * waited / done.seconds
    return sample | _per("cpu_per_request_us", used, done.answers)


async def first_token(running: Running, seconds: float) -> Sample:
    """Streams one after the other; their first event leaves alone, the second a little later."""
    request = stamped_stream(2, 0.002)
    async with connected(running.port, FirstEvent, 1, SMALL) as connections:
        await drive(connections, request, seconds=seconds)
        return {"first_token_p50_ms": percentile(connections[0].waits, 0.5) / 1e6}


async def paced(running: Running, streams: int, chunks: int) -> Sample:
    """Many streams at once, each at the pace of a model.

    They are evenly spread over the pause, as strangers are: all at the same moment, each would
    wait for the others' chunks, and what is measured would be the length of that line. So they
    begin one after the other, with time enough between that beginning costs the others nothing.
    """
    request = stamped_stream(chunks, PAUSE)
    async with connected(running.port, StampReader, streams, SMALL) as connections:
        before = running.cpu_seconds()
        await drive(
            connections, request, count=streams, spread=streams * (BETWEEN + PAUSE / streams)
        )
        used = running.cpu_seconds() - before
        delays = [delay for connection in connections for delay in connection.delays]
    if len(delays) != streams * chunks:
        raise LoadError(f"{streams * chunks} chunks were sent, but {len(delays)} came")
    sample = {
        "chunk_p50_us": percentile(delays, 0.5) / 1e3,
        "chunk_p99_us": percentile(delays, 0.99) / 1e3,
    }
    return sample | _per("cpu_per_chunk_us", used, len(delays))


async def flat_out(running: Running, seconds: float, words: int) -> Sample:
    """Streams without a pause on many connections."""
    request = demo_stream(words)
    async with connected(running.port, EventCounter, CONNECTIONS, SMALL) as connections:
        done = await drive(connections, request, seconds=seconds)
        events = sum(connection.events for connection in connections)
    # Role, words, finish and [DONE].
    if events != done.answers * (words + 3):
        raise LoadError(f"{done.answers} streams had {events} events, not {words + 3} each")
    return {"chunks_per_second": events / done.seconds}


async def requests(running: Running, count: int) -> None:
    """So many small chats, on many connections."""
    async with connected(running.port, Connection, CONNECTIONS, SMALL) as connections:
        await drive(connections, SMALL, count=count)


async def streams(running: Running, count: int, words: int) -> None:
    """So many streams, on many connections."""
    async with connected(running.port, Connection, CONNECTIONS, SMALL) as connections:
        await drive(connections, demo_stream(words), count=count)


def _per(name: str, used: float, count: int) -> dict[str, float]:
    """Processor time for each, in microseconds; nothing where there is no process."""
    return {name: used / count * 1e6} if used else {}
