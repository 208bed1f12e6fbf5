"""What an agent may do that asks, under each policy, and what of it its client is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.e2e.agents import Served, with_agents

ALLOW_ALL = "ask-no-one-allow-all"
NO_METHOD = "error -32601"
REFUSED = "error -32602"


@pytest.mark.parametrize(
    ("policy", "asked", "taken"),
    [
        ("deny", "execute rm", "reject_once"),
        ("deny", "read notes", "reject_once"),
        ("deny", "execute rm % allow_once reject_always", "reject_always"),
        ("deny", "execute rm % allow_once", None),
        ("read", "execute rm", "reject_once"),
        ("read", "edit notes", "reject_once"),
        ("read", "read notes", "reject_once"),
        ("read", "read passwords @ /etc/passwd", "reject_once"),
        (ALLOW_ALL, "execute rm", "allow_once"),
        (ALLOW_ALL, "execute rm % allow_always reject_once", "allow_always"),
        (ALLOW_ALL, "execute rm % reject_once", None),
    ],
)
def test_permission_is_given_as_the_policy_says(
    tmp_path: Path, policy: str, asked: str, taken: str | None
) -> None:
    """For this once where that is offered; where no option fits the request is cancelled."""

    async def check(served: Served) -> None:
        message = await served.message(f"!permit {asked}")
        selected = {"outcome": "selected", "optionId": f"option-{taken}"}
        assert json.loads(message.content) == (selected if taken else {"outcome": "cancelled"})
        is_allowed = bool(taken and taken.startswith("allow"))
        told = getattr(message, "reasoning_content", "")
        assert (f'(permissions = "{policy}")' in told) is not is_allowed

    with_agents(tmp_path, check, permissions=policy)


def test_reading_within_the_folder_is_permitted_where_it_says_what(tmp_path: Path) -> None:
    """A path that leads out of it is not, however it is written."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "out").symlink_to("/etc")

    async def check(served: Served) -> None:
        for path, taken in (
            (folder / "notes", "allow_once"),
            (folder / "new" / "deep", "allow_once"),
            (folder / ".." / "notes", "reject_once"),
            (folder / "out" / "passwd", "reject_once"),
            ("notes", "reject_once"),
        ):
            assert f"option-{taken}" in await served.ask(f"!permit read it @ {path}"), path

    with_agents(tmp_path, check, permissions="read", cwd=str(folder))


def test_an_agent_that_says_nothing_after_a_refusal_has_an_answer_all_the_same(
    tmp_path: Path,
) -> None:
    """It names what was refused."""

    async def check(served: Served) -> None:
        content = await served.ask("!permit-quietly execute rm -rf /")
        assert content == 'The agent did not go on: rm -rf / (permissions = "deny")'

    with_agents(tmp_path, check)


@pytest.mark.parametrize(
    ("policy", "reads", "writes"),
    [("deny", False, False), ("read", True, False), (ALLOW_ALL, True, True)],
)
def test_an_agent_is_offered_what_it_may_do(
    tmp_path: Path, policy: str, reads: bool, writes: bool
) -> None:
    """Never a terminal."""

    async def check(served: Served) -> None:
        offered, _ = json.loads(await served.ask("!settings"))
        files = {"readTextFile": reads, "writeTextFile": writes}
        assert offered == {"fs": files, "terminal": False}

    with_agents(tmp_path, check, permissions=policy)


def test_nothing_is_read_or_written_by_default(tmp_path: Path) -> None:
    """An agent that asks for what it was not offered gets an error, and its client hears of it."""

    async def check(served: Served) -> None:
        message = await served.message(f"!read {__file__}", f"!write {tmp_path}/x text")
        assert message.content.count(NO_METHOD) == 2
        assert message.reasoning_content.count("[refused] to ") == 2
        assert not (tmp_path / "x").exists()

    with_agents(tmp_path, check)


@pytest.mark.parametrize("policy", ["read", ALLOW_ALL])
def test_files_are_read_within_the_folder_only(tmp_path: Path, policy: str) -> None:
    """Whole, or the lines that were asked for; links and dots lead nowhere else."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes").write_text("one\ntwo\nthree\n")
    (folder / "link").symlink_to(folder / "notes")
    (folder / "secret").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("not to be told")
    os.mkfifo(folder / "pipe")
    (folder / "large").write_bytes(b"x" * (5 << 20))

    async def check(served: Served) -> None:
        async def read(path: object) -> str:
            return await served.ask(f"!read {path}")

        assert await read(folder / "notes") == '"one\\ntwo\\nthree\\n"\n'
        assert await read(f"{folder}/notes 2 1") == '"two"\n'
        assert await read(folder / "link") == '"one\\ntwo\\nthree\\n"\n'
        for name in ("secret", "out/secret", "../secret", "../project-2/x", "./../secret"):
            assert (await read(f"{folder}/{name}")).startswith(f"{REFUSED} refused"), name
        assert (await read("notes")).startswith(f"{REFUSED} refused")
        assert (await read(folder / "none")).startswith("error -32002 ")
        for name, why in (("pipe", "no file"), ("large", "larger than")):
            assert why in await read(folder / name)

    with_agents(tmp_path, check, permissions=policy, cwd=str(folder))


def test_nothing_is_written_where_only_reading_is_allowed(tmp_path: Path) -> None:
    """Not within the folder either."""
    folder = tmp_path / "project"
    folder.mkdir()

    async def check(served: Served) -> None:
        assert NO_METHOD in await served.ask(f"!write {folder}/x text")

    with_agents(tmp_path, check, permissions="read", cwd=str(folder))
    assert list(folder.iterdir()) == []


def test_files_are_written_within_the_folder_only(tmp_path: Path) -> None:
    """Where the user has allowed everything; a link does not lead out."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "file").symlink_to(tmp_path / "target")

    async def check(served: Served) -> None:
        assert await served.ask(f"!write {folder}/deep/x some text") == "{}\n"
        for path in (f"{folder}/out/x", f"{folder}/file", f"{folder}/../x"):
            assert REFUSED in await served.ask(f"!write {path} text")

    with_agents(tmp_path, check, permissions=ALLOW_ALL, cwd=str(folder))
    assert (folder / "deep" / "x").read_text() == "some text"
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("method", ["terminal/create", "_iflow/user/questions", "other"])
def test_anything_else_that_an_agent_asks_for_is_not_offered(tmp_path: Path, method: str) -> None:
    """It gets the error that the protocol has for that, and goes on."""

    async def check(served: Served) -> None:
        assert (await served.ask(f"!ask {method}", "!say x")).startswith(NO_METHOD)

    with_agents(tmp_path, check)


def test_iflow_is_told_to_ask_no_one_only_where_the_user_said_so(tmp_path: Path) -> None:
    """Else it asks, and is refused."""

    async def check(served: Served) -> None:
        _, settings = json.loads(await served.ask("!settings"))
        assert settings == {"permission_mode": "yolo"}

    with_agents(tmp_path, check, "--iflow", permissions=ALLOW_ALL)


@pytest.mark.parametrize("key", ["none", "sk-agent-", "Bearer x"])
def test_only_who_has_the_key_is_answered(tmp_path: Path, key: str) -> None:
    """The key is new at each start; no agent is started for anybody else."""

    async def check(served: Served) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        error = await served.failure("x", extra_headers=headers)
        assert (error.status_code, error.code) == (401, "invalid_api_key")
        assert served.agents.processes() == []

    with_agents(tmp_path, check)
