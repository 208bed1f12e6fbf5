"""Sessions of an agent: how many there are, how long, and what becomes of one that is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.e2e.agents import (
    MODEL,
    Agents,
    Served,
    answer_of,
    assistant,
    kill,
    needs_proc,
    run_in,
    serving,
    until,
    user,
    with_agents,
)
from tests.e2e.programs import ADDON, ROOT, wait_until


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def the_agent(served: Served) -> Any:
    """The one agent that was called."""
    (agent,) = served.server.agents.running()
    return agent


async def talk_of(served: Served, text: str) -> list[dict[str, Any]]:
    """A conversation that the agent has had."""
    return [user(text), assistant(await served.ask(text))]


async def session_of(served: Served, talk: list[dict[str, Any]]) -> str:
    """The name of the session in which the conversation goes on; extends it."""
    answer = await served.ask("!session", before=talk)
    talk += [user("!session"), assistant(answer)]
    return answer.split(" ")[0]


def folders(served: Served) -> int:
    """How many folders of sessions there are."""
    return len(list(served.agents.temporary.glob("iflow-relay-agent-*/session-*")))


def test_the_session_longest_unused_makes_room(tmp_path: Path) -> None:
    """Its folder is gone; its conversation goes on in another session."""

    async def check(served: Served) -> None:
        one, two = [await talk_of(served, text) for text in ("one", "two")]
        assert await session_of(served, one) == "session-1"
        await talk_of(served, "three")
        assert (the_agent(served).sessions, folders(served)) == (2, 2)
        assert await session_of(served, one) == "session-1"
        assert await session_of(served, two) == "session-4"
        assert served.agents.received("session/close") == [
            {"sessionId": "session-2"},
            {"sessionId": "session-3"},
        ]

    with_agents(tmp_path, check, "--close", sessions=2)


def test_a_session_that_nobody_uses_is_closed(tmp_path: Path) -> None:
    """When its idle time is over, and not before."""
    agents, clock = Agents(tmp_path), Clock()
    agents.write(idle=100)

    async def run() -> None:
        async with serving(agents, clock) as served:
            one = await talk_of(served, "one")
            clock.now += 60
            await talk_of(served, "two")
            await served.server.agents.sweep()
            assert (the_agent(served).sessions, folders(served)) == (2, 2)
            clock.now += 60
            await served.server.agents.sweep()
            assert (the_agent(served).sessions, folders(served)) == (1, 1)
            assert await session_of(served, one) == "session-3"
            # An agent without a word for it is not told.
            assert agents.received("session/close") == []

    run_in(agents, run)


def test_idle_sessions_are_looked_for_without_a_call(tmp_path: Path) -> None:
    """The server does it by itself."""

    async def check(served: Served) -> None:
        await served.ask("one")
        await served.server.agents.sweep()
        await until(lambda: folders(served) == 0, "the session is closed")

    with_agents(tmp_path, check, idle=0.1)


def test_calls_beyond_what_an_agent_takes_wait_in_line(tmp_path: Path) -> None:
    """In the order in which they came."""

    async def check(served: Served) -> None:
        first = await served.stream("!say first", "!wait")
        await anext(aiter(first))
        order: list[str] = []

        async def ask(text: str) -> None:
            order.append(await served.ask(text))

        calls = []
        for text in ("second", "third", "fourth"):
            calls.append(asyncio.create_task(ask(text)))
            await asyncio.sleep(0.05)
        assert order == []
        await first.close()
        await asyncio.gather(*calls)
        assert order == ["second", "third", "fourth"]

    with_agents(tmp_path, check, sessions=1)


def test_waiting_in_line_has_an_end(tmp_path: Path) -> None:
    """The error says how many conversations the agent has at once."""

    async def check(served: Served) -> None:
        first = await served.stream("!say first", "!deaf")
        await anext(aiter(first))
        error = await served.failure("second")
        assert (error.status_code, error.code) == (504, "agent_timeout")
        assert "has as many at once as it may (1)" in error.message
        await first.close()

    with_agents(tmp_path, check, sessions=1, deadline=4)


def test_whoever_waits_and_hangs_up_leaves_the_line(tmp_path: Path) -> None:
    """The agent never hears of it."""

    async def check(served: Served) -> None:
        first = await served.stream("!say first", "!wait")
        await anext(aiter(first))
        waiting = asyncio.create_task(served.ask("second"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await first.close()
        assert await served.ask("third") == "third"
        texts = [p["prompt"][0]["text"] for p in served.agents.received("session/prompt")]
        assert texts == ["!say first\n!wait", "third"]

    with_agents(tmp_path, check, sessions=1)


async def hang_up(served: Served, *lines: str, before: list[dict[str, Any]] | None = None) -> str:
    """Hang up at the first piece of an answer, and wait until the agent has stopped."""
    stream = await served.stream(*lines, before=before)
    text = ""
    async for chunk in stream:
        text += answer_of([chunk])
        if text:
            break
    count = len(served.agents.received("session/cancel"))
    await stream.close()
    await until(lambda: len(served.agents.received("session/cancel")) > count, "a cancel")
    return text


def test_hanging_up_cancels_the_turn_and_the_session_stays(tmp_path: Path) -> None:
    """A client that goes on with what it has of the answer goes on there."""

    async def check(served: Served) -> None:
        text = await hang_up(served, "!say half an answer", "!wait")
        assert text == "half an answer"
        talk = [user("!say half an answer", "!wait"), assistant(text)]
        await until(lambda: the_agent(served).busy == 0, "the turn has ended")
        assert await session_of(served, talk) == "session-1"
        # One that asks the same again has another: this agent has said something already.
        assert "session-2" in await served.ask("!session")

    with_agents(tmp_path, check)


def test_hanging_up_before_the_first_word_cancels_too(tmp_path: Path) -> None:
    """Also for an answer that is wanted in one piece."""

    async def check(served: Served) -> None:
        call = asyncio.create_task(served.ask("!wait"))
        await until(lambda: len(served.agents.received("session/prompt")) == 1, "the prompt")
        call.cancel()
        await until(lambda: len(served.agents.received("session/cancel")) == 1, "the cancel")
        assert await served.ask("x") == "x"

    with_agents(tmp_path, check)


def test_hanging_up_while_a_session_opens_leaves_none(tmp_path: Path) -> None:
    """It is closed as soon as it is there."""

    async def check(served: Served) -> None:
        call = asyncio.create_task(served.ask("x"))
        await until(lambda: len(served.agents.received("session/new")) == 1, "the wish")
        call.cancel()
        await until(lambda: len(served.agents.received("session/close")) == 1, "the close")
        await until(lambda: the_agent(served).sessions == 0, "no session")
        assert folders(served) == 0

    with_agents(tmp_path, check, "--close", "--slow", "0.2")


def test_what_is_asked_after_a_hang_up_is_refused(tmp_path: Path) -> None:
    """Nobody is there any more who could want it, whatever the policy."""

    async def check(served: Served) -> None:
        await hang_up(served, "!say x", "!wait-then-permit execute rm")
        outcomes = {"outcome": {"outcome": "cancelled"}}
        await until(lambda: outcomes in results(served), "the request is cancelled")

    def results(served: Served) -> list[Any]:
        return [message.get("result") for message in served.agents.received()]

    with_agents(tmp_path, check, permissions="ask-no-one-allow-all")


def test_one_agent_that_must_be_killed_takes_no_answer_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as others are answered, one that does not stop is waited for."""
    monkeypatch.setattr("iflow_relay.agent.agent.STOPPING", 0.1)

    async def check(served: Served) -> None:
        other = asyncio.create_task(served.ask(*["!words a b c", "!sleep 0.2"] * 3))
        await hang_up(served, "!say x", "!deaf")
        assert await other == "a b c " * 3

    with_agents(tmp_path, check, silence=1.5)


def test_a_client_that_never_reads_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would else hold its session for ever; the others are answered meanwhile."""
    monkeypatch.setattr("iflow_relay.agent.connection.PATIENCE", 0.3)

    async def check(served: Served) -> None:
        body = json.dumps(
            {"model": MODEL, "stream": True, "messages": [user("!flood 400", "!wait")]}
        ).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {served.server.key.reveal()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        port = int(served.server.base_url.rpartition(":")[2].removesuffix("/v1"))
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(head.encode() + body)
        assert await served.ask("x") == "x"
        await until(lambda: len(served.agents.received("session/cancel")) == 1, "the cancel")
        writer.close()

    with_agents(tmp_path, check)


def test_an_agent_that_cannot_close_sessions_is_replaced_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory would else grow for ever; conversations go on in the new one."""
    monkeypatch.setattr("iflow_relay.agent.agent.MAX_LEFT", 2)

    async def check(served: Served) -> None:
        await talk_of(served, "one")
        talk = await talk_of(served, "two")
        pid = the_agent(served).pid
        await served.server.agents.sweep()
        assert the_agent(served).pid == pid
        talk = await talk_of(served, "three")
        await until(lambda: the_agent(served).busy == 0, "the turn is over")
        await served.server.agents.sweep()
        assert served.agents.processes() == []
        assert await session_of(served, talk) == "session-1"
        assert the_agent(served).pid != pid

    with_agents(tmp_path, check, sessions=1)


def test_two_at_once_do_not_share_a_session(tmp_path: Path) -> None:
    """Of two that go on with one conversation, one gets another session with the history."""

    async def check(served: Served) -> None:
        talk = await talk_of(served, "one")
        both = [served.ask("!sleep 0.1", "!session", before=talk) for _ in range(2)]
        names = {answer.split(" ")[0] for answer in await asyncio.gather(*both)}
        assert names == {"session-1", "session-2"}

    with_agents(tmp_path, check)


@needs_proc
def test_a_changed_configuration_counts_from_the_next_call_on(tmp_path: Path) -> None:
    """What is under way ends as it began; the old process ends after it."""

    async def check(served: Served) -> None:
        stream = await served.stream("!say x", "!sleep 0.3", "!environ COLOUR")
        await anext(aiter(stream))
        served.agents.write(env={"COLOUR": "green"})
        assert await served.ask("!environ COLOUR") == "green"
        assert answer_of([chunk async for chunk in stream]) == "xred"
        await until(lambda: len(served.agents.processes()) == 2, "the old one is gone")

    with_agents(tmp_path, check, env={"COLOUR": "red"})


@pytest.mark.parametrize("text", ["[agent.fake", "[agent.fake]\npermissions = 'all'"])
def test_a_broken_file_stops_every_agent(tmp_path: Path, text: str) -> None:
    """The change may have been meant to forbid something; the error names the place."""

    async def check(served: Served) -> None:
        assert await served.ask("x") == "x"
        served.agents.path.write_text(text, "utf-8")
        error = await served.failure("x")
        assert (error.status_code, error.code) == (501, "agent_unavailable")
        assert "agents.toml" in error.message

    with_agents(tmp_path, check)


RELAY = """
import asyncio, sys, tempfile
from pathlib import Path
from tests.e2e.agents import Agents, Served, serving
from iflow_relay.agent.book import AgentBook
from iflow_relay.agent.server import AgentServer
import openai

async def main():
    tempfile.tempdir = sys.argv[2]
    async with AgentServer(AgentBook(Path(sys.argv[1]))) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.key.reveal()) as sdk:
            talk = [{"role": "user", "content": "!child"}]
            await sdk.chat.completions.create(model="iflow/fake", messages=talk)
            print(server.agents.running()[0].pid, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@needs_proc
@pytest.mark.parametrize("whom", ["the relay", "what stands between"])
@pytest.mark.parametrize("stubborn", [(), ("--stubborn",)])
def test_nothing_outlives_a_relay_that_is_killed(
    tmp_path: Path, whom: str, stubborn: tuple[str, ...]
) -> None:
    """Neither the agent nor what it has started, nor its folders."""
    agents = Agents(tmp_path)
    agents.write(*stubborn)
    environment = os.environ | {"PYTHONPATH": f"{ADDON}{os.pathsep}{ROOT}"}
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAY, str(agents.path), str(agents.temporary)],
        env=environment,
        stdout=subprocess.PIPE,
    )
    with relay:
        assert relay.stdout is not None
        group = int(relay.stdout.readline())
        wait_until(lambda: len(agents.processes()) == 3, "all of them are there")
        if whom == "the relay":
            kill(relay.pid)
        else:
            kill(group)
        wait_until(lambda: not agents.processes(), "all processes are gone")
        wait_until(lambda: not list(agents.temporary.iterdir()), "all folders are gone")
        relay.kill()


class Crowd:
    """Conversations at once, each with an agent that may die under it."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.answered = 0
        self.broken = 0

    async def converse(self, number: int, turns: int) -> None:
        """One conversation; each turn is asked until it is answered whole."""
        talk: list[dict[str, Any]] = []
        for turn in range(turns):
            text = f"conversation {number} turn {turn} "
            question = user(f"!words {text}")
            if turn % 5 == 4:
                await self._hang_up(question, talk)
            while (answer := await self._ask(question, talk)) != text:
                # What there is of it is its own.
                assert text.startswith(answer)
                self.broken += 1
            self.answered += 1
            talk += [question, assistant(answer)]

    async def _ask(self, question: dict[str, Any], talk: list[dict[str, Any]]) -> str:
        """An answer, as far as it comes."""
        chunks: list[Any] = []
        with contextlib.suppress(openai.APIError):
            async for chunk in await self._served.stream(question["content"], before=list(talk)):
                chunks.append(chunk)  # noqa: PERF401 - half of it counts too
        return answer_of(chunks)

    async def _hang_up(self, question: dict[str, Any], talk: list[dict[str, Any]]) -> None:
        """Leave within the answer, if there is one."""
        with contextlib.suppress(openai.APIError):
            stream = await self._served.stream(question["content"], before=list(talk))
            await anext(aiter(stream), None)
            await stream.close()


@needs_proc
def test_fifty_conversations_and_twenty_deaths_mix_nothing(tmp_path: Path) -> None:
    """500 turns, each answered in its own conversation or not at all; nothing is left behind.

    Every fifth client hangs up once, too. What the agent holds in the end is what the relay keeps.
    """
    agents = Agents(tmp_path)
    agents.write("--close", sessions=30)

    async def run() -> None:
        async with serving(agents) as served:
            crowd = Crowd(served)
            talks = [asyncio.create_task(crowd.converse(number, 10)) for number in range(50)]
            for death in range(20):
                await until(lambda: crowd.answered > 20 * (death + 1), "20 turns more", 60)  # noqa: B023 - used at once
                await kill_agent(served)
            await asyncio.gather(*talks)
            assert (crowd.answered, crowd.broken > 0) == (500, True)
            agent = the_agent(served)
            await until(lambda: agent.busy == 0, "all turns are over")
            assert folders(served) == agent.sessions <= 30
            assert int(await served.ask("!sessions")) == agent.sessions

    run_in(agents, run)


async def kill_agent(served: Served) -> None:
    """Kill the agent, and not what stands between, as soon as there is one."""
    agent = the_agent(served)
    await until(lambda: len(served.agents.processes()) >= 2 and agent.pid, "an agent")
    for pid in served.agents.processes():
        if pid != agent.pid:
            kill(pid)


def test_the_agent_is_told_only_what_the_protocol_knows(tmp_path: Path) -> None:
    """Each message fits the library's own models, strictly."""
    schema = pytest.importorskip("acp.schema")
    models = {
        "initialize": schema.InitializeRequest,
        "session/new": schema.NewSessionRequest,
        "session/prompt": schema.PromptRequest,
        "session/cancel": schema.CancelNotification,
        "session/close": schema.CloseSessionRequest,
    }

    async def check(served: Served) -> None:
        talk = await talk_of(served, "one")
        await served.ask("two", before=talk)
        await hang_up(served, "!say x", "!wait", before=[{"role": "system", "content": "s"}])
        await served.ask("three")
        await until(lambda: bool(served.agents.received("session/close")), "a close")
        for message in served.agents.received():
            if "method" not in message:
                continue
            model = models[message["method"]]
            read = model.model_validate(message["params"])
            written = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
            assert written == message["params"], json.dumps(message)
        assert {m["method"] for m in served.agents.received() if "method" in m} == set(models)

    with_agents(tmp_path, check, "--close", sessions=1)


def test_no_agent_is_started_before_it_is_called(tmp_path: Path) -> None:
    """Nor listed by starting it."""

    async def check(served: Served) -> None:
        assert MODEL == "iflow/fake"
        assert served.agents.processes() == []

    with_agents(tmp_path, check)
