"""Agents behind their server, with the official SDK as its client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest
from tests.e2e.programs import wait_until

from iflow_relay.agent.book import AgentBook
from iflow_relay.agent.server import AgentServer

FAKE = Path(__file__).with_name("fake_agent.py")
MODEL = "iflow/fake"
MARK = "FAKE_AGENT_MARK"
LOG = "FAKE_AGENT_LOG"

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finds processes in /proc"
)

Talk = list[dict[str, Any]]


def render_value(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {json.dumps(text)}" for key, text in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value)


class Agents:
    """A configuration folder with agents, and where they leave their traces."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "agents.toml"
        self.log = folder / "log"
        self.mark = f"{folder}-{time.monotonic_ns()}"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()

    def write(self, *arguments: str, name: str = "fake", **fields: Any) -> None:
        """Have one agent, the fake one with these arguments unless a command is given."""
        env = {MARK: self.mark, LOG: str(self.log)} | fields.pop("env", {})
        command = {"command": sys.executable, "args": ["-S", str(FAKE), *arguments]}
        table = command | fields | {"env": env}
        lines = [f"{key} = {render_value(value)}" for key, value in table.items()]
        self.path.write_text("\n".join([f"[agent.{name}]", *lines, ""]), "utf-8")

    def received(self, method: str = "") -> list[dict[str, Any]]:
        """What the agent was sent: all, or the parameters of one method."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        messages = [json.loads(line) for line in lines]
        return [m["params"] for m in messages if m.get("method") == method] if method else messages

    def processes(self) -> list[int]:
        """The processes that carry the mark: agents, and what they have started."""
        needle = f"{MARK}={self.mark}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if needle in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def check_nothing_is_left(self) -> None:
        """Fail where a process or a folder outlived the server."""
        wait_until(lambda: not self.processes(), "the end of all processes", 5)
        assert list(self.temporary.iterdir()) == []


class Served(NamedTuple):
    """A server of agents, and a client of it."""

    agents: Agents
    server: AgentServer
    sdk: openai.AsyncOpenAI

    async def ask(self, *lines: str, before: Talk | None = None, **more: Any) -> str:
        """The content of a whole answer."""
        return (await self.message(*lines, before=before, **more)).content or ""

    async def message(self, *lines: str, before: Talk | None = None, **more: Any) -> Any:
        """The message of a whole answer."""
        return (await self.whole(*lines, before=before, **more)).choices[0].message

    async def whole(self, *lines: str, before: Talk | None = None, **more: Any) -> Any:
        """A whole answer."""
        messages: Any = [*(before or []), user(*lines)]
        return await self.sdk.chat.completions.create(
            **{"model": MODEL, "messages": messages, **more}
        )

    async def stream(self, *lines: str, before: Talk | None = None, **more: Any) -> Any:
        """The chunks of an answer, as they come."""
        return await self.whole(*lines, before=before, stream=True, **more)

    async def chunks(self, *lines: str, **more: Any) -> list[Any]:
        """All chunks of an answer."""
        return [chunk async for chunk in await self.stream(*lines, **more)]

    async def failure(self, *lines: str, **more: Any) -> openai.APIStatusError:
        """The error that stands in place of an answer."""
        try:
            await self.whole(*lines, **more)
        except openai.APIStatusError as error:
            return error
        raise AssertionError("it was answered")


def user(*lines: str) -> dict[str, Any]:
    """A message of the user's."""
    return {"role": "user", "content": "\n".join(lines)}


def assistant(text: str) -> dict[str, Any]:
    """A message of the agent's."""
    return {"role": "assistant", "content": text}


@contextlib.asynccontextmanager
async def serving(
    agents: Agents, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Served]:
    """A server that runs; nothing of it is left behind it."""
    async with (
        AgentServer(AgentBook(agents.path), clock) as server,
        openai.AsyncOpenAI(
            base_url=server.base_url, api_key=server.key.reveal(), max_retries=0, timeout=60
        ) as sdk,
    ):
        yield Served(agents, server, sdk)
    agents.check_nothing_is_left()


def with_agents(
    folder: Path,
    check: Callable[[Served], Awaitable[None]],
    *arguments: str,
    **fields: Any,
) -> None:
    """Run one check on the fake agent, started with these arguments and fields."""
    agents = Agents(folder)
    agents.write(*arguments, **fields)

    async def run() -> None:
        async with serving(agents) as served:
            await check(served)

    run_in(agents, run)


def run_in(agents: Agents, work: Callable[[], Awaitable[None]]) -> None:
    """Run it with a folder for temporary files of its own."""
    before = tempfile.tempdir
    tempfile.tempdir = str(agents.temporary)
    try:
        asyncio.run(as_coroutine(work))
    finally:
        tempfile.tempdir = before


async def as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return as soon as it holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        await asyncio.sleep(0.01)


def kill(pid: int) -> None:
    """End a process without asking it."""
    os.kill(pid, signal.SIGKILL)


def answer_of(chunks: list[Any], name: str = "content") -> str:
    """The text that chunks give, content or another field of their deltas."""
    deltas: list[Mapping[str, Any]] = [
        choice.delta.model_dump() for chunk in chunks for choice in chunk.choices
    ]
    return "".join(delta.get(name) or "" for delta in deltas)
