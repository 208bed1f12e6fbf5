"""Sessions of an agent: conversations that it knows, each with a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .link import Gone, Link, Refused
from .turn import Turn

CLOSING: Final = 5.0
"""Seconds that an agent has to forget a session."""

CANCELLING: Final = 2.0
"""Seconds that an agent has to take in that a turn is cancelled."""


class Session:
    """A session; `digest` is the conversation that it has seen, `used` when it last was."""

    def __init__(self, link: Link, id: str, folder: Path, *, own: bool) -> None:
        self.link = link
        self.id = id
        self.folder = folder
        self.turn: Turn | None = None
        self.is_cancelled = False
        self.digest = ""
        self.used = 0.0
        self._own = own

    async def cancel(self) -> None:
        """Ask the agent to stop the turn; one that does not even read is not waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CANCELLING):
                await self.link.notify("session/cancel", {"sessionId": self.id})

    async def close(self, *, tells: bool) -> None:
        """Forget it; `tells` where the agent has a word for that."""
        if tells:
            with contextlib.suppress(Refused, Gone, TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self.link.request("session/close", {"sessionId": self.id})
        if self._own:
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


class Pool:
    """Sessions that wait for their conversation to go on, the one longest unused first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[Session, None] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def take(self, digest: str) -> Session | None:
        """The session that has seen this conversation and nothing more, the latest of several."""
        for session in reversed(self._sessions):
            if session.digest == digest:
                return self._take_out([session])[0]
        return None

    def put(self, session: Session, digest: str) -> None:
        """Keep a session, which has seen this conversation now."""
        session.digest, session.used = digest, self._clock()
        self._sessions[session] = None

    def evict(self) -> list[Session]:
        """Take out the session longest unused."""
        return self._take_out(list(self._sessions)[:1])

    def expire(self, idle: float) -> list[Session]:
        """Take out those unused for so many seconds."""
        limit = self._clock() - idle
        return self._take_out([s for s in self._sessions if s.used <= limit])

    def drop(self, link: Link) -> None:
        """Forget the sessions of an agent that has ended."""
        self._take_out([s for s in self._sessions if s.link is link])

    def clear(self) -> None:
        """Forget all of them."""
        self._sessions.clear()

    def _take_out(self, sessions: list[Session]) -> list[Session]:
        for session in sessions:
            del self._sessions[session]
        return sessions
