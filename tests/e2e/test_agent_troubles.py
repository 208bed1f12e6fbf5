"""Agents that fail: each failure is an error that says what happened; the next call is served."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, cast

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

KEY = "sk-9876543210abcdef"


def told(error: Any) -> tuple[int, str]:
    """What a client sees of an error at once."""
    return error.status_code, error.code


@pytest.mark.parametrize("how", ["!exit 3", "!abort"])
def test_an_agent_that_dies_before_it_says_a_word_is_an_error(tmp_path: Path, how: str) -> None:
    """With the last it said on stderr; the next call starts it again."""

    async def check(served: Served) -> None:
        for stream in (True, False):
            error = await served.failure("!stderr 1 out of luck", how, stream=stream)
            assert told(error) == (502, "agent_failed")
            assert "'fake' ended within its answer" in error.message
            assert "out of luck" in error.message
        assert await served.ask("hello") == "hello"

    with_agents(tmp_path, check)


@pytest.mark.parametrize("how", ["!exit 3", "!abort"])
def test_an_answer_that_breaks_off_says_so(tmp_path: Path, how: str) -> None:
    """What came stays; an error event follows, and no `[DONE]`."""

    async def check(served: Served) -> None:
        lines: list[str] = []
        request = served.sdk.chat.completions.with_streaming_response.create(
            model=MODEL, stream=True, messages=cast(Any, [user("!say begun", how)])
        )
        async with request as response:
            lines += [line async for line in response.iter_lines() if line]
        assert '"content": "begun"' in lines[1]
        assert '"code": "agent_failed"' in lines[-1]
        assert "data: [DONE]" not in lines

    with_agents(tmp_path, check)


@needs_proc
def test_a_conversation_survives_the_death_of_its_agent(tmp_path: Path) -> None:
    """It goes on in a new session, which is told the history."""

    async def check(served: Served) -> None:
        first = await served.ask("hello")
        agent = served.server.agents.running()[0]
        pid = agent.pid
        assert pid is not None
        for process in served.agents.processes():
            kill(process)
        await until(lambda: agent.pid is None, "the end of the agent is seen")
        assert agent.sessions == 0
        talk = [user("hello"), assistant(first)]
        assert "session-1" in await served.ask("!session", before=talk)
        assert agent.pid not in (None, pid)

    with_agents(tmp_path, check)


def test_an_agent_that_does_not_begin_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    """Keys in them are masked: values of variables named so, and what looks like one."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (502, "agent_failed")
        assert "ended before it had begun" in error.message
        assert "cannot log in with" in error.message
        assert "exit status 3" in error.message
        assert KEY not in error.message
        assert "hidden-value" not in error.message

    words = f"cannot log in with {KEY} or very-hidden-value"
    env = {"SOME_TOKEN": "very-hidden-value"}
    with_agents(tmp_path, check, "--exit", words, env=env)


def test_pauses_between_starts_that_fail_grow(tmp_path: Path) -> None:
    """A short one is waited for; of a long one the client is told, and until when."""

    async def check(served: Served) -> None:
        errors = [await served.failure("x") for _ in range(5)]
        assert all(told(error) == (502, "agent_failed") for error in errors)
        last = errors[-1]
        assert "no luck" in last.message
        assert "is started again in" in last.message
        assert 1 <= int(last.response.headers["retry-after"]) <= 8

    with_agents(tmp_path, check, "--exit", "no luck")


def test_an_agent_of_another_version_is_an_error(tmp_path: Path) -> None:
    """Both versions are named."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (502, "agent_failed")
        assert "speaks version 2 of ACP, not 1" in error.message

    with_agents(tmp_path, check, "--version", "2")


@pytest.mark.parametrize("dialect", [(), ("--iflow",)])
def test_an_agent_without_a_login_says_how_to_log_in(
    tmp_path: Path, dialect: tuple[str, ...]
) -> None:
    """In ACP's way and in iFlow's; nothing is asked of the client's own key."""

    async def check(served: Served) -> None:
        for _ in range(2):
            error = await served.failure("x")
            assert told(error) == (401, "agent_login_required")
            assert "'fake' is not logged in" in error.message
            assert f"Run {sys.executable} once in a terminal" in error.message
        assert not list(served.agents.temporary.glob("*/session-*"))

    with_agents(tmp_path, check, "--auth", *dialect)


def test_a_login_counts_from_the_next_call_on(tmp_path: Path, home: Path) -> None:
    """Nothing has to be started again."""

    async def check(served: Served) -> None:
        assert told(await served.failure("x")) == (401, "agent_login_required")
        (home / ".fake-agent-login").touch()
        assert await served.ask("x") == "x"

    with_agents(tmp_path, check, "--auth")


def test_an_error_of_the_agent_is_told_in_its_words(tmp_path: Path) -> None:
    """Without its keys; the agent goes on running."""

    async def check(served: Served) -> None:
        error = await served.failure(f"!error -32603 the model is tired of {KEY}")
        assert told(error) == (502, "agent_failed")
        assert "answered with an error: the model is tired of" in error.message
        assert "its details" in error.message
        assert KEY not in error.message
        assert "session-2" in await served.ask("!session")

    with_agents(tmp_path, check)


def test_a_login_that_ends_in_mid_turn_is_told_as_one(tmp_path: Path) -> None:
    """Whatever it was doing."""

    async def check(served: Served) -> None:
        error = await served.failure("!error -32000 Authentication required")
        assert told(error) == (401, "agent_login_required")

    with_agents(tmp_path, check)


def test_a_turn_without_a_word_is_an_error(tmp_path: Path) -> None:
    """A client would else show nothing, and nobody knew why."""

    async def check(served: Served) -> None:
        for stream in (True, False):
            error = await served.failure("!updates", stream=stream)
            assert told(error) == (502, "agent_failed")
            assert "without a word" in error.message

    with_agents(tmp_path, check)


def test_an_agent_that_falls_silent_is_cancelled(tmp_path: Path) -> None:
    """Its session is free again at once; what it says counts as a sign of life."""

    async def check(served: Served) -> None:
        error = await served.failure("!wait")
        assert told(error) == (504, "agent_timeout")
        assert "said nothing for 1 s" in error.message
        cancelled = "the agent hears of it"
        await until(lambda: len(served.agents.received("session/cancel")) == 1, cancelled)
        assert await served.ask(*["!think x", "!sleep 0.4"] * 3, "!say y") == "y"

    with_agents(tmp_path, check, silence=1)


def test_a_turn_has_a_deadline(tmp_path: Path) -> None:
    """However much the agent says."""

    async def check(served: Served) -> None:
        with pytest.raises(openai.APIError, match="did not come to an end in its time"):
            await served.chunks(*["!say x", "!sleep 0.1"] * 100)

    with_agents(tmp_path, check, deadline=4)


def test_an_agent_that_does_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that it has started; the next call has a new one."""
    monkeypatch.setattr("iflow_relay.agent.agent.STOPPING", 0.2)

    async def check(served: Served) -> None:
        assert told(await served.failure("!child", "!deaf", stream=False)) == (504, "agent_timeout")
        await until(lambda: not served.agents.processes(), "all of it is gone")
        assert await served.ask("hello") == "hello"

    with_agents(tmp_path, check, silence=0.3)


@needs_proc
def test_an_agent_that_does_not_even_read_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the pipe to it is full, so that nothing can be said to it."""
    monkeypatch.setattr("iflow_relay.agent.agent.STOPPING", 0.2)
    monkeypatch.setattr("iflow_relay.agent.session.CANCELLING", 0.2)

    async def check(served: Served) -> None:
        first = await served.ask("hello")
        (agent,) = set(served.agents.processes()) - {served.server.agents.running()[0].pid}
        os.kill(agent, signal.SIGSTOP)
        talk = [user("hello"), assistant(first)]
        error = await served.failure("x" * (4 << 20), before=talk)
        assert told(error) == (504, "agent_timeout")
        await until(lambda: agent not in served.agents.processes(), "it is gone")
        assert await served.ask("hello") == "hello"

    with_agents(tmp_path, check, silence=1)


def test_an_agent_that_does_not_even_begin_to_speak_times_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended."""
    monkeypatch.setattr("iflow_relay.agent.life.STARTING", 0.3)

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (504, "agent_timeout")
        assert "did not begin within 0.3 s" in error.message
        await until(lambda: not served.agents.processes(), "it is gone")

    with_agents(tmp_path, check, "--mute")


def test_a_session_that_is_not_opened_in_time_is_an_error(tmp_path: Path) -> None:
    """The others go on."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (504, "agent_timeout")
        assert "did not begin a conversation" in error.message

    with_agents(tmp_path, check, "--slow", "60", silence=0.3)


def test_a_message_that_never_ends_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not fill the memory."""
    monkeypatch.setattr("iflow_relay.agent.messages.MAX_LINE", 1 << 20)

    async def check(served: Served) -> None:
        error = await served.failure("!longline 3000000", "!wait")
        assert told(error) == (502, "agent_failed")
        assert "a line of more than 1 MB" in error.message

    with_agents(tmp_path, check)


@pytest.mark.skipif(shutil.which("yes") is None, reason="not installed: yes")
def test_a_program_that_speaks_something_else_is_an_error(tmp_path: Path) -> None:
    """At once, also where it never stops to speak."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (502, "agent_failed")
        assert "lines that are no message of ACP" in error.message

    with_agents(tmp_path, check, command=shutil.which("yes"), args=[])


def test_an_agent_that_is_not_there_is_told_of_at_once(tmp_path: Path) -> None:
    """Also after the file was there once."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (501, "agent_unavailable")
        assert "no-such-program, is not found" in error.message
        error = await served.failure("x", model="iflow/other")
        assert told(error) == (404, "model_not_found")
        assert "'other'" in error.message

    with_agents(tmp_path, check, command="no-such-program")


def test_a_file_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    """The system's reason is named."""
    program = tmp_path / "broken"
    program.write_bytes(b"\x7fELF but not really")
    program.chmod(0o755)

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (502, "agent_failed")
        assert "broken cannot be run: Exec format error" in error.message

    with_agents(tmp_path, check, command=str(program))


def test_a_working_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The agent is not started elsewhere."""

    async def check(served: Served) -> None:
        error = await served.failure("x")
        assert told(error) == (501, "agent_unavailable")
        assert "a cwd that is no folder" in error.message

    with_agents(tmp_path, check, cwd=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"messages": []}, "invalid_request", "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "invalid_request", "no message of"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "invalid_request", "role"),
        ({"n": 2}, "invalid_request", "one answer"),
        ({"model": "glm-4.7"}, "model_not_found", "no agent"),
    ],
)
def test_a_request_that_no_agent_can_answer_is_refused(
    tmp_path: Path, body: dict[str, Any], code: str, text: str
) -> None:
    """Before any agent is started."""

    async def check(served: Served) -> None:
        error = await served.failure("x", **body)
        assert error.code == code
        assert text in error.message
        assert served.agents.processes() == []

    with_agents(tmp_path, check)


def test_without_the_library_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No agent is listed then."""
    monkeypatch.setattr("iflow_relay.agent.book.has_library", lambda: False)
    agents = Agents(tmp_path)
    agents.write()

    async def run() -> None:
        async with serving(agents) as served:
            error = await served.failure("x")
            assert told(error) == (501, "agent_unavailable")
            assert 'pip install "iflow-relay[agent]"' in error.message

    run_in(agents, run)


def test_an_answer_that_never_ends_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in one piece; as a stream it passes. Others are answered meanwhile."""
    monkeypatch.setattr("iflow_relay.agent.server.MAX_WHOLE", 1 << 20)

    async def check(served: Served) -> None:
        error = await served.failure("!flood 40", "!wait")
        assert told(error) == (502, "agent_failed")
        assert "answer is over 1 million letters" in error.message
        assert len(answer_of(await served.chunks("!flood 40"))) == 40 << 16
        assert await served.ask("x") == "x"

    with_agents(tmp_path, check)


@needs_proc
def test_nothing_outlives_the_server(tmp_path: Path) -> None:
    """Not the agent that ignores what asks it to end, and not what it has started."""

    async def check(served: Served) -> None:
        child = int(await served.ask("!child"))
        await until(lambda: child in served.agents.processes(), "what it has started is there")

    with_agents(tmp_path, check)
