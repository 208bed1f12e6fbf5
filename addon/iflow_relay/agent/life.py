"""The life of an agent's process: started when it is wanted, and again after it has died."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from ..errors import AgentFailed, AgentLoginRequired, AgentTimeout, AgentUnavailable, RelayError
from .book import find_command
from .handshake import Abilities, names_flag, shake_hands
from .lastwords import Mask
from .link import Gone, Link, Refused, open_link
from .pauses import Pauses
from .process import Process, start_process
from .session import Session
from .spec import BUILTIN, AgentSpec

STARTING: Final = 60.0
"""Seconds that an agent has to begin: some fetch themselves first."""


class Died(AgentFailed):
    """It ended, or had to be ended, while something was asked of it."""


Sessions = dict[str, Session]
"""Those at work on one process, by their names there: another process may give the same names."""


class Running(NamedTuple):
    """An agent that can be prompted."""

    process: Process
    link: Link
    abilities: Abilities
    busy: Sessions
    left: list[str]
    """Sessions that nobody uses, and that it has no word to be told so by."""


class Desk(Protocol):
    """Whoever uses an agent, and is asked and told things by it."""

    async def answer(
        self, busy: Sessions, method: str, params: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Answer a request; raises Refused."""

    def notice(self, busy: Sessions, method: str, params: dict[str, Any]) -> None:
        """Take what it tells; never raises."""

    def forget(self, link: Link) -> None:
        """It has ended, and with it what its sessions knew."""


def make_environment(environ: Mapping[str, str], spec: AgentSpec) -> Mapping[str, str]:
    """The relay's own variables, its keys for the agent of iFlow alone, and those of the spec."""
    own = {
        name: value
        for name, value in environ.items()
        if spec.name == BUILTIN.name or not name.upper().startswith("IFLOW_")
    }
    return own | dict(spec.env)


class Life:
    """The process of one agent, when there is one."""

    def __init__(self, spec: AgentSpec, desk: Desk) -> None:
        self._spec = spec
        self._desk = desk
        self._environ = make_environment(os.environ, spec)
        self.mask = Mask(self._environ)
        self._running: Running | None = None
        self._starting: asyncio.Task[Running] | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._knows_probe: bool | None = None
        self._pauses = Pauses()
        self._ends = False

    @property
    def running(self) -> Running | None:
        """The agent that runs; None where none does."""
        return self._running if self._running and self._running.link.is_open else None

    async def get(self) -> Running:
        """The agent, started if it does not run; raises RelayError."""
        if self.running is None and self._starting is None:
            await self._pauses.wait()
        if running := self.running:
            return running
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        # A caller that gives up does not take the start from the others.
        return await asyncio.shield(self._starting)

    def served(self) -> None:
        """It has answered: its next death is its first."""
        self._pauses.forget()

    async def died(self, running: Running, doing: str, gone: Gone | None = None) -> Died:
        """The error for a call that it died under; it is ended, whatever is left of it."""
        await self._bury(running)
        error = Died(self._describe(doing, running.process, gone))
        self._pauses.reason = error.message
        return error

    async def end(self) -> None:
        """End it for good."""
        self._ends = True
        if self._starting:
            self._starting.cancel()
            await asyncio.wait([self._starting])
            # One that was done just now is noted by its callback, which comes after this.
            await asyncio.sleep(0)
        if self._running:
            await self._bury(self._running)
        if self._watching:
            await asyncio.wait(self._watching)

    def _started(self, task: asyncio.Task[Running]) -> None:
        self._starting = None
        if not task.cancelled() and not task.exception():
            self._running = task.result()
            watch = asyncio.create_task(self._watch(self._running))
            self._watching.add(watch)
            watch.add_done_callback(self._watching.discard)

    async def _watch(self, running: Running) -> None:
        """Notice its end even while nobody calls."""
        await running.link.wait_closed()
        await self._bury(running)

    async def _bury(self, running: Running) -> None:
        """End what is left of it, and forget it; the first to see its end counts it."""
        if self._running is running:
            self._pauses.count(f"The agent {self._spec.name!r} has ended.")
        await self.replace(running)

    async def replace(self, running: Running) -> None:
        """End it; the next call has another one."""
        if self._running is running:
            self._running = None
            self._desk.forget(running.link)
        await running.process.end()
        await running.link.close()

    async def _start(self) -> Running:
        process = await self._spawn()
        try:
            return await self._begin(process)
        except BaseException as error:
            # Words first: what it says when it is ended is not why it failed.
            await asyncio.wait([process.ended], timeout=0.2 if isinstance(error, Gone) else 0)
            await process.end()
            told = self._explain(error, process)
            if told is error:
                raise
            raise told from error

    async def _begin(self, process: Process) -> Running:
        busy: Sessions = {}
        answer, notice = partial(self._desk.answer, busy), partial(self._desk.notice, busy)
        link = await open_link(process, answer, notice)
        try:
            async with asyncio.timeout(STARTING):
                return Running(process, link, await shake_hands(link, self._spec), busy, [])
        except BaseException:
            await link.close()
            raise

    async def _spawn(self) -> Process:
        spec = self._spec
        command = find_command(spec, self._environ)
        if self._ends or command is None:
            raise AgentUnavailable(f"The program of the agent {spec.name!r} is gone.")
        if spec.cwd and not spec.cwd.is_dir():
            raise AgentUnavailable(
                f"The agent {spec.name!r} has a cwd that is no folder: {spec.cwd}"
            )
        try:
            words = [command, *spec.args, *await self._probe(command)]
            return await start_process(words, self._environ, spec.cwd)
        except OSError as error:
            told = AgentFailed(f"The agent {spec.name!r} cannot be started: {error.strerror}")
            self._pauses.count(told.message)
            raise told from error

    async def _probe(self, command: str) -> list[str]:
        """The argument that is added where the program knows it, found out once."""
        probe = self._spec.probe
        if self._knows_probe is None:
            self._knows_probe = bool(probe) and await names_flag(command, probe, self._environ)
        return [probe] if self._knows_probe else []

    def _explain(self, error: BaseException, process: Process) -> BaseException:
        """What a start that failed is told as."""
        if isinstance(error, AgentLoginRequired):
            return error.redact(self.mask)
        told: RelayError
        match error:
            case TimeoutError():
                doing = f"did not begin within {STARTING:g} s"
                told = AgentTimeout(self._describe(doing, process))
            case Refused():
                doing = f"refused to begin: {self.mask(error.details or error.message)[:300]}"
                told = AgentFailed(self._describe(doing, process))
            case Gone():
                told = AgentFailed(self._describe("ended before it had begun", process, error))
            case AgentFailed():
                told = error
            case _:
                return error
        self._pauses.count(told.message)
        return told

    def _describe(self, what: str, process: Process, gone: Gone | None = None) -> str:
        """What happened and, in lines of their own, what the agent said last."""
        why = f", as {gone}" if gone and str(gone) else ""
        words = process.words.tell()
        said = f" It said last:\n{words}" if words else " It said nothing."
        return f"The agent {self._spec.name!r} {what}{why}.{said}"
