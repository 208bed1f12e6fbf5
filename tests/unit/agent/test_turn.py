"""A turn while it is under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iflow_relay.agent.telling import Piece, Telling
from iflow_relay.agent.turn import Turn
from iflow_relay.errors import AgentFailed, AgentTimeout


def chunk(text: str) -> dict[str, Any]:
    return {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}


def begin(silence: float = 60, deadline: float = 60) -> tuple[Turn, asyncio.Future[dict[str, Any]]]:
    loop = asyncio.get_running_loop()
    prompt: asyncio.Future[dict[str, Any]] = loop.create_future()
    turn = Turn(Telling("reasoning"), silence, loop.time() + deadline)
    turn.begin(prompt)
    return turn, prompt


def test_what_waits_is_handed_over_together() -> None:
    """One piece for neighbours of one kind; what was said before the end is said."""

    async def check() -> None:
        turn, prompt = begin()
        for text in "ab":
            turn.receive(chunk(text))
        turn.receive(chunk("c") | {"sessionUpdate": "agent_thought_chunk"})
        turn.receive(chunk("d"))
        prompt.set_result({"stopReason": "max_tokens"})
        assert [piece async for piece in turn.pieces()] == [
            Piece("content", "ab"),
            Piece("reasoning", "c"),
            Piece("content", "d"),
        ]
        assert turn.said == "abd"
        assert turn.ending is not None
        assert turn.ending.finish == "length"

    asyncio.run(check())


def test_what_nobody_reads_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer ends with an error once there is too much of it."""
    monkeypatch.setattr("iflow_relay.agent.turn.MAX_WAITING", 100)

    async def check() -> None:
        turn, _ = begin()
        for _ in range(1000):
            turn.receive(chunk("x" * 10))
        pieces = turn.pieces()
        assert len((await anext(pieces)).text) == 100
        with pytest.raises(AgentFailed, match="faster than it was read"):
            await anext(pieces)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("silence", "deadline", "text"),
    [(0.01, 60, "said nothing for 0.01 s"), (60, 0.01, "did not come to an end in its time")],
)
def test_a_turn_ends_in_time(silence: float, deadline: float, text: str) -> None:
    """Whichever comes first."""

    async def check() -> None:
        turn, _ = begin(silence, deadline)
        with pytest.raises(AgentTimeout, match=text):
            await anext(turn.pieces())

    asyncio.run(check())
