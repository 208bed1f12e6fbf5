"""The line: at most so many calls at once, the rest in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from iflow_relay.mitm.line import Line


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_without_a_limit_nobody_waits() -> None:
    """Zero places mean as many as come."""

    async def run() -> None:
        line = Line(0)
        leave = [await line.enter() for _ in range(100)]
        assert line.waiting == 0
        for function in leave:
            function()

    asyncio.run(run())


@pytest.mark.parametrize("places", [1, 2, 5])
def test_as_many_enter_as_there_are_places(places: int) -> None:
    """Who comes first is served first, as soon as somebody leaves."""

    async def run() -> None:
        line = Line(places)
        entered: list[int] = []
        leave: list[Callable[[], None]] = []

        async def call(number: int) -> None:
            leave.append(await line.enter())
            entered.append(number)

        tasks = [asyncio.create_task(call(number)) for number in range(places + 3)]
        await settle()
        assert entered == list(range(places))
        assert line.waiting == 3
        for number in range(3):
            leave[number]()
            await settle()
            assert entered == list(range(places + number + 1))
        assert line.waiting == 0
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_a_place_is_given_back_once() -> None:
    """An end that is told twice does not let two in."""

    async def run() -> None:
        line = Line(1)
        leave = await line.enter()
        leave()
        leave()
        leave()
        await line.enter()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line.enter(), 0.01)

    asyncio.run(run())


def test_who_gives_up_waiting_takes_no_place() -> None:
    """A client that hung up in the line does not block those behind it."""

    async def run() -> None:
        line = Line(1)
        leave = await line.enter()
        tired = asyncio.create_task(line.enter())
        patient = asyncio.create_task(line.enter())
        await settle()
        assert line.waiting == 2
        tired.cancel()
        await settle()
        assert line.waiting == 1
        leave()
        await asyncio.wait_for(patient, 1)
        assert line.waiting == 0

    asyncio.run(run())


def test_who_gives_up_as_its_turn_comes_passes_it_on() -> None:
    """A place that was just given is not lost with its taker."""

    async def run() -> None:
        line = Line(1)
        leave = await line.enter()
        tired = asyncio.create_task(line.enter())
        patient = asyncio.create_task(line.enter())
        await settle()
        leave()
        tired.cancel()
        await asyncio.wait_for(patient, 1)
        assert line.waiting == 0

    asyncio.run(run())
