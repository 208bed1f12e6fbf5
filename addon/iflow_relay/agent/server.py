"""The agents as an upstream: a server on loopback that only the relay in this process calls.

mitmproxy cannot stream an answer that an addon makes up, so a flow for an agent is re-aimed here,
as to any upstream: `base_url`, with `key` as the bearer. The key is made anew at each start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final, Self

from ..credential import Secret
from ..errors import (
    AgentFailed,
    InternalError,
    MethodNotAllowed,
    NotFound,
    RelayError,
    WrongKey,
)
from ..jsontext import to_json
from ..wire import Head, Request
from .agents import Agents
from .asking import Asked, parse_asked
from .book import AgentBook, agent_name
from .chunks import Completion
from .connection import Connection, Reply
from .telling import Ending, Piece
from .turn import Turn

logger = logging.getLogger(__name__)

PATH: Final = "/v1/chat/completions"

MAX_WHOLE: Final = 8 << 20
"""Letters of an answer in one piece: with each of them escaped, the relay still takes it."""

CALLER: Final = "x-iflow-relay-caller"
"""A field that tells callers apart: nobody goes on with another's conversation."""


class AgentServer:
    """Answers chat requests by agents, once it was started; also an async context manager."""

    def __init__(
        self, book: AgentBook | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.key = Secret(f"sk-agent-{secrets.token_urlsafe(32)}")
        self.agents = Agents(book or AgentBook(), clock)
        self._server: asyncio.Server | None = None
        self._peers: set[Connection] = set()
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, like `http://127.0.0.1:40123/v1`."""
        if self._server is None:
            raise RuntimeError("the server was not started")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def start(self) -> None:
        """Listen on a free loopback port; no agent is started yet. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._answer, self._peers, self._check), "127.0.0.1", 0
        )
        self._sweeping = asyncio.create_task(self.agents.keep_sweeping())

    async def close(self) -> None:
        """End every call, and then every agent; returns when no process is left."""
        if self._server is None or self._sweeping is None:
            return
        self._server.close()
        self._sweeping.cancel()
        for peer in list(self._peers):
            await peer.end()
        await self.agents.end()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeping
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answer(self, request: Request, reply: Reply) -> None:
        try:
            await self._serve(request, reply)
        except RelayError as error:
            await reply.fail(error)
        except Exception:
            logger.exception("An agent's answer failed")
            await reply.fail(InternalError("The relay failed at an agent's answer: see its log."))

    async def _serve(self, request: Request, reply: Reply) -> None:
        self._check(request.head)
        asked = parse_asked(request.body)
        name = agent_name(asked.model)
        if name is None:
            message = f"The model {asked.model!r} is no agent."
            raise NotFound(message, param="model", code="model_not_found")
        agent = self.agents.get(name)
        caller = request.head.fields.get(CALLER, "")
        async with agent.turn(caller, asked) as turn:
            await _tell(turn, asked, reply)

    def _check(self, head: Head) -> None:
        scheme, _, key = head.fields.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.key.matches(key.strip()):
            raise WrongKey("This server answers only the relay that started it.")
        if head.path != PATH:
            raise NotFound("There is only /v1/chat/completions here.")
        if head.method != "POST":
            raise MethodNotAllowed("Only POST is answered here.", "POST")


async def _tell(turn: Turn, asked: Asked, reply: Reply) -> None:
    """Answer with a turn, as it comes or in one piece."""
    name = f"chatcmpl-{secrets.token_hex(12)}"
    completion = Completion(name, int(time.time()), asked.model, asked.include_usage)
    if asked.stream:
        await _stream(turn, completion, reply)
        return
    pieces = await _collect(turn)
    await reply.send(to_json(completion.whole(pieces, _ending(turn, pieces))))


async def _collect(turn: Turn) -> list[Piece]:
    """All pieces; raises AgentFailed where they are too much to be kept, and the turn's errors."""
    kept: list[Piece] = []
    size = 0
    async with contextlib.aclosing(turn.pieces()) as pieces:
        async for piece in pieces:
            size += len(piece.text)
            if size > MAX_WHOLE:
                raise AgentFailed(f"The agent's answer is over {MAX_WHOLE >> 20} million letters.")
            kept.append(piece)
    return kept


async def _stream(turn: Turn, completion: Completion, reply: Reply) -> None:
    """The first chunk waits for the first piece, so that an error before it keeps its status."""
    first: list[Piece] = []
    async with contextlib.aclosing(turn.pieces()) as pieces:
        async for piece in pieces:
            opening = [] if first else [completion.opening()]
            first = first or [piece]
            await reply.send_event(*opening, completion.chunk(piece))
    ending = _ending(turn, first)
    opening = [] if first else [completion.opening()]
    await reply.send_event(*opening, *completion.closing(ending))
    await reply.end_events()


def _ending(turn: Turn, pieces: list[Piece]) -> Ending:
    """How the turn ended; raises AgentFailed where it ended well but without a word."""
    ending = turn.ending or Ending("stop", None)
    if not pieces and ending.finish == "stop":
        raise AgentFailed("The agent ended its turn without a word.")
    return ending
