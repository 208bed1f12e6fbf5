"""All agents of a relay: made when they are first called, and anew when agents.toml changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from .agent import Agent
from .book import AgentBook

SHORTEST_BEAT: Final = 0.05
"""Seconds between two looks for sessions that nobody uses any more, at least."""


class Agents:
    """The agents that were called so far."""

    def __init__(self, book: AgentBook, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._agents: dict[str, Agent] = {}
        self._retiring: dict[asyncio.Task[None], Agent] = {}
        self._changed = asyncio.Event()

    def get(self, name: str) -> Agent:
        """The agent of that name; raises NotFound, AgentUnavailable."""
        spec = self._book.find(name)
        agent = self._agents.get(name)
        if agent is None or agent.spec != spec:
            if agent:
                self._retire(agent)
            agent = self._agents[name] = Agent(spec, self._clock)
            self._changed.set()
        return agent

    def running(self) -> list[Agent]:
        """Those that were called, and have not been replaced."""
        return list(self._agents.values())

    async def sweep(self) -> None:
        """Close the sessions that were unused for too long."""
        for agent in self.running():
            await agent.sweep()

    async def keep_sweeping(self) -> None:
        """The same again and again, as often as it takes; never returns."""
        while True:
            await self.sweep()
            beats = [max(SHORTEST_BEAT, agent.spec.idle / 4) for agent in self.running()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(beats, default=None)):
                    await self._changed.wait()
            self._changed.clear()

    async def end(self) -> None:
        """End all of them."""
        for task in self._retiring:
            task.cancel()
        agents = [*self._agents.values(), *self._retiring.values()]
        self._agents.clear()
        await asyncio.gather(*(agent.end() for agent in agents))

    def _retire(self, agent: Agent) -> None:
        task = asyncio.create_task(agent.retire())
        self._retiring[task] = agent
        task.add_done_callback(self._retiring.pop)
