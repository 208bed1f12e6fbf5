"""When an agent is started again."""

from __future__ import annotations

import asyncio

import pytest

from iflow_relay.agent.pauses import Pauses, pause_after
from iflow_relay.errors import AgentFailed


def test_pauses_double_up_to_half_a_minute() -> None:
    """And there is none before the first failure."""
    pauses = [pause_after(failures) for failures in (0, 1, 2, 3, 4, 5, 6, 7, 8, 1000)]
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_short_pause_is_waited_for_and_a_long_one_is_told_of() -> None:
    """With the reason of the last failure; success begins anew."""

    async def check() -> None:
        pauses = Pauses()
        await pauses.wait()
        pauses.count("It has no luck.")
        begun = asyncio.get_running_loop().time()
        await pauses.wait()
        assert asyncio.get_running_loop().time() - begun >= pause_after(1) - 0.01
        for _ in range(5):
            pauses.count("It has no luck.")
        with pytest.raises(AgentFailed, match="no luck") as caught:
            await pauses.wait()
        assert caught.value.fields == ((b"Retry-After", b"16"),)
        pauses.forget()
        pauses.count("It has no luck.")
        await pauses.wait()

    asyncio.run(check())
