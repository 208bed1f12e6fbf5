"""An agent's answer in OpenAI's shapes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from iflow_relay.agent.chunks import Completion
from iflow_relay.agent.telling import Ending, Piece

COMPLETION = Completion("id", 1, "iflow/x", False)


def message_of(pieces: Sequence[Piece]) -> Any:
    return COMPLETION.whole(pieces, Ending("stop", None))["choices"][0]["message"]


def test_pieces_are_joined_each_with_its_kind() -> None:
    """Reasoning is there only where there was some."""
    pieces = [Piece("content", "a"), Piece("reasoning", "hm"), Piece("content", "b")]
    assert message_of(pieces) == {
        "role": "assistant",
        "content": "ab",
        "refusal": None,
        "reasoning_content": "hm",
    }
    assert "reasoning_content" not in message_of(pieces[:1])


def test_many_pieces_cost_no_more_than_their_letters() -> None:
    """Everything else in the relay waits meanwhile: no piece has all that was before it copied."""
    one = "x" * 16_000
    few, many = (timed([Piece("content", one)] * number) for number in (250, 4000))
    # Sixteen times as many; with all copied each time it would be some 250 times.
    assert many < 100 * max(few, 0.001)


def timed(pieces: Sequence[Piece]) -> float:
    """Seconds of this process, at best."""
    spent = []
    for _ in range(2):
        begun = time.process_time()
        message_of(pieces)
        spent.append(time.process_time() - begun)
    return min(spent)
