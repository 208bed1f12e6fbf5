"""One whole run: starts what is measured, goes round, and collects the samples."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from . import phases
from .client import LoadError
from .host import Cores, pinned, split_cores
from .phases import Sample
from .systems import DIRECT, PROXIES, House, Running

type Say = Callable[[str], None]


class Plan(NamedTuple):
    """How much is measured; times in seconds.

    Many short rounds, not few long ones: what else the machine does comes and goes by the second,
    and only systems that are measured within the same one can be compared.
    """

    starts: int = 3
    rounds: int = 18
    paced_every: int = 7
    latency: float = 0.12
    requests: float = 0.25
    first_token: float = 0.15
    flat_out: float = 0.15
    words: int = 500
    paced_streams: int = 50
    paced_chunks: int = 200
    memory_streams: int = 200
    limit: float = 140
    """No round begins later: a slow machine gets fewer rounds, not a longer run."""


FULL = Plan()
QUICK = Plan(starts=1, rounds=6, paced_every=6, paced_chunks=50)


@dataclass
class Measured:
    """What a run found out; `failures` are reasons by system."""

    cores: Cores | None
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0

    def add(self, system: str, sample: Sample) -> None:
        """Put the values of one round to those of the rounds before."""
        rounds = self.samples.setdefault(system, {})
        for name, value in sample.items():
            rounds.setdefault(name, []).append(value)


async def measure(plan: Plan, names: Sequence[str], say: Say) -> Measured:
    """Measure these systems, and the direct connection in any case."""
    cores = split_cores()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        pinned(cores.load if cores else None),
        House(Path(folder), cores) as house,
    ):
        run = _Run(plan, house, Measured(cores), say)
        await run.start([name for name in PROXIES if name in names])
        await run.go_round(begun + plan.limit)
        run.measured.seconds = time.monotonic() - begun
        return run.measured


class _Run:
    """The systems that still run: `_demo` answer from the demo, `_stamped` with stamped chunks."""

    def __init__(self, plan: Plan, house: House, measured: Measured, say: Say) -> None:
        self._plan = plan
        self._house = house
        self.measured = measured
        self._say = say
        self._demo: dict[str, Running] = {}
        self._stamped: dict[str, Running] = {}

    async def start(self, names: Sequence[str]) -> None:
        """Start everything; the times are taken once a first start has filled the caches."""
        stamping = await self._house.start_stamping()
        demo = await self._house.start_demo()
        self._stamped[DIRECT], self._demo[DIRECT] = Running(stamping), Running(demo)
        for name in names:
            self._say(f"start: {name}")
            await self._try(name, self._start_stamped(name, stamping))
        for turn in range(self._plan.starts):
            self._say(f"start, round {turn + 1} of {self._plan.starts}")
            for name in self._left(names):
                await self._try(name, self._start_demo(name, demo))
        self._say("memory")
        for name in self._left(names):
            await self._try(name, self._fill_memory(name))

    async def go_round(self, limit: float) -> None:
        """Measure all systems in turn at one thing, then at the next, and all that again."""
        for turn in range(self._plan.rounds):
            if turn and time.monotonic() > limit:
                self._say("out of time: the other rounds are left out")
                break
            self._say(f"round {turn + 1} of {self._plan.rounds}")
            for name in self._left(self._demo):
                await self._try(name, self._latency(name))
            for name in self._left(self._demo):
                await self._try(name, self._throughput(name))
            for name in self._left(self._demo):
                await self._try(name, self._first_token(name))
            for name in self._left(self._demo):
                await self._try(name, self._flat_out(name))
            if turn % self._plan.paced_every == 0:
                for name in self._left(self._demo):
                    # What bare mitmproxy does to a stream is no matter of microseconds.
                    if name != "bare" or not turn:
                        await self._try(name, self._paced(name))
            self.measured.rounds = turn + 1

    def _left(self, names: Sequence[str] | dict[str, Running]) -> list[str]:
        return [name for name in names if name not in self.measured.failures]

    async def _try(self, name: str, work: Awaitable[Sample]) -> None:
        """A system that fails is left out from then on, and the others go on."""
        try:
            self.measured.add(name, await work)
        except (LoadError, OSError) as error:
            self.measured.failures[name] = str(error)
            self._say(f"{name} failed: {error}")

    async def _start_stamped(self, name: str, upstream: int) -> Sample:
        self._stamped[name] = await self._house.start(name, upstream)
        return {}

    async def _start_demo(self, name: str, upstream: int) -> Sample:
        if name in self._demo:
            self._house.end(self._demo.pop(name))
        running = self._demo[name] = await self._house.start(name, upstream)
        return {"start_s": running.start, "idle_mb": running.resident_mb()}

    async def _fill_memory(self, name: str) -> Sample:
        running = self._demo[name]
        await phases.streams(running, self._plan.memory_streams, words=200)
        return {"after_streams_mb": running.resident_mb()}

    async def _latency(self, name: str) -> Sample:
        return await phases.latency(self._demo[name], self._plan.latency)

    async def _throughput(self, name: str) -> Sample:
        return await phases.throughput(self._demo[name], self._plan.requests)

    async def _first_token(self, name: str) -> Sample:
        return await phases.first_token(self._stamped[name], self._plan.first_token)

    async def _flat_out(self, name: str) -> Sample:
        return await phases.flat_out(self._demo[name], self._plan.flat_out, self._plan.words)

    async def _paced(self, name: str) -> Sample:
        plan = self._plan
        return await phases.paced(self._stamped[name], plan.paced_streams, plan.paced_chunks)
