"""An agent as a whole: turns of many conversations, each in a session of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from ..errors import AgentTimeout
from .asking import Asked
from .granting import answer_agent
from .history import answered, digest, render_new, split_new
from .life import Life, Running, Sessions
from .link import INVALID_PARAMS, Gone, Link, Refused
from .opening import Opened, explain_refusal, open_session
from .permission import render_outcome
from .session import Pool, Session
from .spec import AgentSpec
from .telling import Telling
from .turn import Turn

STOPPING: Final = 10.0
"""Seconds that an agent has to stop a turn that was cancelled."""


MAX_LEFT: Final = 200
"""Sessions that an agent keeps in vain before it is replaced, in a quiet moment."""


class Agent:
    """One agent with its process and its sessions."""

    def __init__(self, spec: AgentSpec, clock: Callable[[], float]) -> None:
        self.spec = spec
        self._life = Life(spec, self)
        self._slots = asyncio.Semaphore(spec.sessions)
        self._taken = 0
        self._idle = Pool(clock)
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def sessions(self) -> int:
        """How many sessions there are, at work or waiting."""
        return self.busy + len(self._idle)

    @property
    def busy(self) -> int:
        """How many turns are under way, or begin, or are being stopped."""
        return self._taken

    @property
    def pid(self) -> int | None:
        """The process group it runs in, if it runs."""
        return self._life.running.process.pid if self._life.running else None

    @asynccontextmanager
    async def turn(self, caller: str, asked: Asked) -> AsyncIterator[Turn]:
        """Prompt it; leaving before the turn is over cancels it. Raises RelayError."""
        deadline = asyncio.get_running_loop().time() + self.spec.deadline
        opened = await self._open_in_time(caller, asked, deadline)
        session = opened.session
        telling = Telling(self.spec.tool_output, self._life.mask)
        session.turn = turn = Turn(telling, self.spec.silence, deadline)
        params = {"sessionId": session.id, "prompt": opened.prompt}
        prompt = asyncio.create_task(session.link.request("session/prompt", params))
        turn.begin(prompt)
        try:
            yield turn
        except Refused as refused:
            raise explain_refusal(self._life, self.spec, refused) from refused
        except Gone as gone:
            raise await self._life.died(opened.running, "ended within its answer", gone) from gone
        finally:
            self._spawn(self._settle(opened.running, session, prompt, caller, asked))

    async def sweep(self) -> None:
        """Close the sessions that were unused for too long."""
        await self._close(self._idle.expire(self.spec.idle))
        running = self._life.running
        if running and len(running.left) >= MAX_LEFT and not self._taken:
            await self._life.replace(running)

    async def retire(self) -> None:
        """End it once all that is under way is over; what waits in line is served first."""
        for _ in range(self.spec.sessions):
            await self._slots.acquire()
        await self.end()

    async def end(self) -> None:
        """End its process, and all that is under way."""
        await self._life.end()
        self._idle.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def forget(self, link: Link) -> None:
        """An agent has ended, and with it what its sessions knew."""
        self._idle.drop(link)

    def notice(self, busy: Sessions, method: str, params: dict[str, Any]) -> None:
        """Pass on what a turn tells."""
        session = busy.get(str(params.get("sessionId")))
        update = params.get("update")
        if method == "session/update" and session and session.turn and isinstance(update, dict):
            session.turn.receive(update)

    async def answer(self, busy: Sessions, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer what the agent asks within a turn; raises Refused."""
        session = busy.get(str(params.get("sessionId")))
        if session and session.turn and not session.is_cancelled:
            policy = self.spec.permissions
            return await answer_agent(method, params, session.turn, session.folder, policy)
        if method == "session/request_permission":
            return render_outcome(None)
        raise Refused(INVALID_PARAMS, "no turn of that session is under way")

    async def _open_in_time(self, caller: str, asked: Asked, deadline: float) -> Opened:
        """Wait for a place, then for a session; raises RelayError."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
                self._taken += 1
                opening = asyncio.create_task(self._open(caller, asked))
                try:
                    return await asyncio.shield(opening)
                except BaseException:
                    self._spawn(self._give_up(opening))
                    raise
        except TimeoutError as error:
            raise AgentTimeout(
                f"The agent {self.spec.name!r} did not come to this conversation in "
                f"{self.spec.deadline:g} s: it starts slowly, or has as many at once as it may "
                f"({self.spec.sessions})."
            ) from error

    async def _open(self, caller: str, asked: Asked) -> Opened:
        said, new = split_new(asked.messages)
        known = self._idle.take(digest(caller, asked.system, said)) if said else None
        if known and (running := self._life.running) and running.link is known.link:
            images = running.abilities.takes_images
            opened = Opened(known, running, render_new(new, images=images))
        else:
            while self._taken + len(self._idle) > self.spec.sessions:
                await self._close(self._idle.evict())
            self._number += 1
            opened = await open_session(self._life, self.spec, self._number, asked)
        opened.running.busy[opened.session.id] = opened.session
        return opened

    async def _give_up(self, opening: asyncio.Task[Opened]) -> None:
        """Whoever wanted the session is gone, or was told of an error: one that opens is closed."""
        try:
            await asyncio.wait([opening])
            if not opening.cancelled() and not opening.exception():
                opened = opening.result()
                del opened.running.busy[opened.session.id]
                await self._close([opened.session])
        finally:
            self._release()

    async def _settle(
        self,
        running: Running,
        session: Session,
        prompt: asyncio.Task[dict[str, Any]],
        caller: str,
        asked: Asked,
    ) -> None:
        """Stop a turn that is not over; then keep its session, unless that is spoilt."""
        try:
            if not prompt.done():
                session.is_cancelled = True
                await session.cancel()
                await self._stop(running, prompt)
            turn, session.turn, session.is_cancelled = session.turn, None, False
            del running.busy[session.id]
            if turn is None or prompt.cancelled() or prompt.exception():
                await self._close([session])
            else:
                self._life.served()
                seen = digest(caller, asked.system, answered(asked.messages, turn.said))
                self._idle.put(session, seen)
        finally:
            self._release()

    async def _stop(self, running: Running, prompt: asyncio.Task[dict[str, Any]]) -> None:
        """Wait for a turn to stop, and end the agent if it does not; the last it spoils for others.

        As long as it works for others, it has the time in which they would call it silent.
        """
        await asyncio.wait([prompt], timeout=STOPPING)
        if not prompt.done() and len(running.busy) > 1:
            await asyncio.wait([prompt], timeout=self.spec.silence)
        if not prompt.done():
            await self._life.died(running, "did not stop when it was asked to")
            await asyncio.wait([prompt])

    async def _close(self, sessions: Iterable[Session]) -> None:
        running = self._life.running
        for session in sessions:
            tells = False
            if running and session.link is running.link:
                tells = running.abilities.closes_sessions
                if not tells:
                    running.left.append(session.id)
            await session.close(tells=tells)

    def _release(self) -> None:
        self._taken -= 1
        self._slots.release()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
