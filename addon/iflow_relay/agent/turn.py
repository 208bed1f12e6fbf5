"""One turn of an agent, while it is under way: what it tells, piece by piece, within its time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from ..errors import AgentFailed, AgentTimeout
from .telling import Ending, Piece, Telling

MAX_WAITING: Final = 16 << 20
"""Letters that wait for a client that does not read; the other sessions cannot wait for it."""


class Turn:
    """A turn; times in seconds, `deadline` by the loop's clock."""

    def __init__(self, telling: Telling, silence: float, deadline: float) -> None:
        self.telling = telling
        self._silence = silence
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._waiting: deque[Piece] = deque()
        self._size = 0
        self._overflows = False
        self._wakes = asyncio.Event()
        self._prompt: asyncio.Future[dict[str, Any]] | None = None
        self._said: list[str] = []
        self.ending: Ending | None = None

    @property
    def said(self) -> str:
        """The content that the client has."""
        return "".join(self._said)

    def begin(self, prompt: asyncio.Future[dict[str, Any]]) -> None:
        """The prompt was sent; its answer ends the turn."""
        self._prompt = prompt
        prompt.add_done_callback(lambda _: self._wakes.set())

    def receive(self, update: Mapping[str, Any]) -> None:
        """The agent tells something."""
        self._tell(self.telling.read(update))

    def refuse(self, what: str) -> None:
        """Something that the agent asked for was refused."""
        self._tell(self.telling.refuse(what))

    async def pieces(self) -> AsyncGenerator[Piece]:
        """The answer as it comes; raises RelayError, Refused, Gone."""
        assert self._prompt is not None  # noqa: S101 - it has begun
        while self._waiting or not self._prompt.done():
            while self._waiting:
                yield self._hand_over(self._take())
            if self._overflows:
                raise AgentFailed("The answer grew much faster than it was read.")
            if not self._prompt.done():
                await self._wait()
        self.ending = self.telling.ending(self._prompt.result())
        for piece in self.telling.end():
            yield self._hand_over(piece)

    def _hand_over(self, piece: Piece) -> Piece:
        """Remember what content the client has, which it will send back."""
        if piece.kind == "content":
            self._said.append(piece.text)
        return piece

    def _tell(self, pieces: list[Piece]) -> None:
        self._last = self._loop.time()
        self._size += sum(len(piece.text) for piece in pieces)
        self._overflows = self._overflows or self._size > MAX_WAITING
        if not self._overflows:
            self._waiting += pieces
        self._wakes.set()

    def _take(self) -> Piece:
        """The next piece, with those of its kind that wait behind it."""
        kind, text = self._waiting.popleft()
        texts = [text]
        while self._waiting and self._waiting[0].kind == kind:
            texts.append(self._waiting.popleft().text)
        whole = Piece(kind, "".join(texts))
        self._size -= len(whole.text)
        return whole

    async def _wait(self) -> None:
        """Wait for the agent to go on; raises AgentTimeout."""
        self._wakes.clear()
        limit = min(self._last + self._silence, self._deadline)
        try:
            async with asyncio.timeout_at(limit):
                await self._wakes.wait()
        except TimeoutError as error:
            if self._loop.time() < self._deadline:
                said = f"said nothing for {self._silence:g} s"
            else:
                said = "did not come to an end in its time (deadline in agents.toml)"
            raise AgentTimeout(f"The agent {said}: the turn was cancelled.") from error
