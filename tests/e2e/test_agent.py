"""An agent's turn as a chat answer: streamed and whole, with all that agents tell and ask."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.agents import FAKE, MODEL, Served, answer_of, assistant, user, with_agents

PIXEL = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


def test_a_stream_has_the_shape_that_clients_know(tmp_path: Path) -> None:
    """Role first, one id and one time, a finish at the end, usage where it was asked for."""

    async def check(served: Served) -> None:
        options = {"include_usage": True}
        chunks = await served.chunks("!usage acp", "!words a b c", stream_options=options)
        assert chunks[0].choices[0].delta.role == "assistant"
        assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1
        assert chunks[0].id.startswith("chatcmpl-")
        assert chunks[0].model == MODEL
        assert answer_of(chunks) == "a b c "
        assert [c.choices[0].finish_reason for c in chunks[:-1]][-1] == "stop"
        assert chunks[-1].choices == []
        assert chunks[-1].usage.total_tokens == 12

    with_agents(tmp_path, check)


def test_the_answer_comes_as_it_is_said(tmp_path: Path) -> None:
    """The first word is there while the agent is still at work."""

    async def check(served: Served) -> None:
        stream = await served.stream("!say first", "!wait")
        async for chunk in stream:
            if answer_of([chunk]) == "first":
                break
        await stream.close()

    with_agents(tmp_path, check)


def test_a_whole_answer_has_everything_in_one_piece(tmp_path: Path) -> None:
    """Text, thoughts, finish and usage."""

    async def check(served: Served) -> None:
        answer = await served.whole("!think let me see", "!words a b", "!usage acp")
        assert answer.object == "chat.completion"
        assert answer.choices[0].message.content == "a b "
        assert answer.choices[0].message.reasoning_content == "let me see"
        assert answer.choices[0].message.tool_calls is None
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.model_dump(exclude_none=True) == {
            "prompt_tokens": 7,
            "completion_tokens": 5,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        }

    with_agents(tmp_path, check)


@pytest.mark.parametrize("kind", ["acp", "gemini", "qwen"])
def test_usage_is_read_in_each_dialect(tmp_path: Path, kind: str) -> None:
    """With the answer to the prompt, or within an update."""

    async def check(served: Served) -> None:
        answer = await served.whole(f"!usage {kind}", "!say x")
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)

    with_agents(tmp_path, check)


def test_an_agent_that_counts_nothing_is_not_said_to_have_used_nothing(tmp_path: Path) -> None:
    """No usage is no usage, even where it was asked for."""

    async def check(served: Served) -> None:
        assert (await served.whole("!say x")).usage is None
        chunks = await served.chunks("!say x", stream_options={"include_usage": True})
        assert chunks[-1].usage is None

    with_agents(tmp_path, check)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("max_turn_requests", "length"),
        ("refusal", "content_filter"),
        ("cancelled", "stop"),
        ("something_newer", "stop"),
    ],
)
def test_stop_reasons_become_finish_reasons(tmp_path: Path, reason: str, finish: str) -> None:
    """Streamed and whole alike."""

    async def check(served: Served) -> None:
        whole = await served.whole("!say x", f"!stop {reason}")
        chunks = await served.chunks("!say x", f"!stop {reason}")
        assert whole.choices[0].finish_reason == finish
        assert chunks[-1].choices[0].finish_reason == finish
        refusal = answer_of(chunks, "refusal")
        assert bool(refusal) == bool(whole.choices[0].message.refusal) == (reason == "refusal")

    with_agents(tmp_path, check)


TOOLS = ("!say a", "!think b", "!tool Read notes = four words", "!tool Run = error: no", "!plan")


def test_tools_and_plans_are_lines_of_reasoning(tmp_path: Path) -> None:
    """They are never calls that a client would have to run."""

    async def check(served: Served) -> None:
        chunks = await served.chunks(*TOOLS, "!edit notes.txt", "!say c")
        assert answer_of(chunks) == "ac"
        assert answer_of(chunks, "reasoning_content").split("\n") == [
            "b",
            "[tool] Read notes",
            "[tool] Read notes: completed, four words",
            "[tool] Run",
            "[tool] Run: failed, error: no",
            "[plan] completed: look",
            "[plan] pending: act",
            "[tool] Edit: completed, changed notes.txt",
            "",
        ]
        assert not answer_of(chunks, "tool_calls")

    with_agents(tmp_path, check)


def test_tools_can_be_dropped(tmp_path: Path) -> None:
    """Thoughts are told all the same."""

    async def check(served: Served) -> None:
        message = await served.message(*TOOLS)
        assert (message.content, message.reasoning_content) == ("a", "b")

    with_agents(tmp_path, check, tool_output="drop")


def test_updates_that_say_nothing_to_a_client_are_passed_over(tmp_path: Path) -> None:
    """Among them kinds that nobody knows yet."""

    async def check(served: Served) -> None:
        message = await served.message("!updates", "!say x")
        assert message.content == "x"
        assert not hasattr(message, "reasoning_content")

    with_agents(tmp_path, check)


def test_garbage_on_stdout_is_passed_over(tmp_path: Path) -> None:
    """Comments, text, JSON that is no message, bytes that are no text."""

    async def check(served: Served) -> None:
        assert await served.ask("!garbage", "!say x") == "x"

    with_agents(tmp_path, check)


def test_megabytes_on_stderr_block_nothing(tmp_path: Path) -> None:
    """They are read and forgotten."""

    async def check(served: Served) -> None:
        assert await served.ask("!stderr 1000000", "!say x") == "x"

    with_agents(tmp_path, check)


def test_a_conversation_goes_on_in_its_session_with_what_is_new(tmp_path: Path) -> None:
    """The agent is not told again what it knows."""

    async def check(served: Served) -> None:
        first = await served.ask("one", "!session")
        talk = [user("one", "!session"), assistant(first)]
        second = await served.ask("two", "!session", before=talk)
        assert second == "two" + first.removeprefix("one").replace("turn 1", "turn 2")
        prompts = [p["prompt"] for p in served.agents.received("session/prompt")]
        assert prompts[1] == [{"type": "text", "text": "two\n!session"}]

    with_agents(tmp_path, check)


@pytest.mark.parametrize(
    "talk",
    [
        [user("other"), assistant("one")],
        [user("one"), assistant("other")],
        [{"role": "system", "content": "be kind"}, user("one"), assistant("one")],
        [user("zero"), assistant("zero"), user("one"), assistant("one")],
    ],
)
def test_any_other_conversation_gets_a_session_and_its_history(
    tmp_path: Path, talk: list[dict[str, Any]]
) -> None:
    """Who said what is marked; what is answered is the last turn."""

    async def check(served: Served) -> None:
        assert await served.ask("one") == "one"
        assert (await served.ask("!session", before=talk)).startswith("session-2 ")
        blocks = served.agents.received("session/prompt")[1]["prompt"]
        prompt = "\n".join(block["text"] for block in blocks)
        for message in talk:
            assert f"<{message['role']}>\n{message['content']}\n</{message['role']}>" in prompt
        assert prompt.endswith("Answer the last message of the user.")

    with_agents(tmp_path, check)


def test_callers_do_not_share_conversations(tmp_path: Path) -> None:
    """Even where they have said the same."""

    async def check(served: Served) -> None:
        names = []
        for caller in ("one", "two", "one"):
            fields: Any = {"extra_headers": {"x-iflow-relay-caller": caller}}
            answer = await served.ask("hello", **fields)
            talk = [user("hello"), assistant(answer)]
            names.append((await served.ask("!session", before=talk, **fields)).split(" ")[0])
        assert names == ["session-1", "session-2", "session-3"]
        foreign = {"x-iflow-relay-caller": "three"}
        talk = [user("hello"), assistant("hello")]
        assert "session-4" in await served.ask("!session", before=talk, extra_headers=foreign)

    with_agents(tmp_path, check)


def test_the_system_message_comes_first_in_the_prompt(tmp_path: Path) -> None:
    """Where the agent has no other place for it."""

    async def check(served: Served) -> None:
        system = {"role": "developer", "content": "be kind"}
        blocks = json.loads(await served.ask("!prompt", before=[system]))
        assert [block["text"] for block in blocks] == [
            "<system>\nbe kind\n</system>",
            "!prompt",
        ]

    with_agents(tmp_path, check)


def test_iflow_takes_the_system_message_as_a_setting(tmp_path: Path) -> None:
    """It is known by what it says of itself; it is logged in as its own dialect wants it."""

    async def check(served: Served) -> None:
        system = {"role": "system", "content": "be kind"}
        _, settings = json.loads(await served.ask("!settings", before=[system]))
        assert settings == {"permission_mode": "default", "system_prompt": "be kind"}
        assert served.agents.received("authenticate") == [{"methodId": "iflow"}]

    with_agents(tmp_path, check, "--iflow")


def ask_with_image(lines: str) -> Any:
    return {"role": "user", "content": [text_part("!think see"), IMAGE, text_part(lines)]}


def text_part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_images_reach_an_agent_that_takes_them(tmp_path: Path) -> None:
    """In their place between the texts."""

    async def check(served: Served) -> None:
        blocks = json.loads(await served.ask(before=[], messages=[ask_with_image("\n!prompt")]))
        assert [block["type"] for block in blocks] == ["text", "image", "text"]
        assert blocks[1] == {"type": "image", "mimeType": "image/png", "data": PIXEL}

    with_agents(tmp_path, check, "--image")


def test_an_image_that_an_agent_does_not_take_is_missed_in_words(tmp_path: Path) -> None:
    """The agent is told that there was one."""

    async def check(served: Served) -> None:
        await served.ask(messages=[ask_with_image("\nx")])
        blocks = served.agents.received("session/prompt")[0]["prompt"]
        assert [block["type"] for block in blocks] == ["text"]
        assert "an image was left out" in blocks[0]["text"]

    with_agents(tmp_path, check)


def test_each_session_has_an_empty_folder_of_its_own(tmp_path: Path) -> None:
    """For this user alone, and gone with the session."""

    async def check(served: Served) -> None:
        first = json.loads(await served.ask("!where"))
        second = json.loads(await served.ask("!where"))
        assert first[0] != second[0]
        assert first[1:] == second[1:] == [[], 0o700]

    with_agents(tmp_path, check)


def test_a_folder_that_is_configured_is_used_and_kept(tmp_path: Path) -> None:
    """By all sessions of that agent."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes").write_text("kept")

    async def check(served: Served) -> None:
        for _ in range(2):
            assert json.loads(await served.ask("!where"))[:2] == [str(folder), ["notes"]]

    with_agents(tmp_path, check, cwd=str(folder))
    assert (folder / "notes").read_text() == "kept"


def test_conversations_run_side_by_side(tmp_path: Path) -> None:
    """One that takes long holds up no other."""

    async def check(served: Served) -> None:
        stream = await served.stream("!say first", "!wait")
        await anext(aiter(stream))
        begun = time.monotonic()
        assert await served.ask("second") == "second"
        assert time.monotonic() - begun < 5
        await stream.close()

    with_agents(tmp_path, check)


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the program")
@pytest.mark.parametrize(
    ("help_text", "arguments"),
    [("--stream  word by word", "--experimental-acp --stream"), ("", "--experimental-acp")],
)
def test_the_iflow_cli_is_an_agent_without_being_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, help_text: str, arguments: str
) -> None:
    """Where it is on PATH; it is told to stream where it can."""
    program = tmp_path / "bin" / "iflow"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --help ]; then echo "usage: iflow {help_text}"; exit; fi\n'
        f"exec '{sys.executable}' -S '{FAKE}' \"$@\"\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    async def check(served: Served) -> None:
        served.agents.path.unlink()
        assert await served.ask("!arguments", model="iflow") == arguments
        assert await served.ask("!arguments", model="iflow/iflow") == arguments

    with_agents(tmp_path, check)
