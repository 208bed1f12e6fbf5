"""What an agent says of itself at its start."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.agent.handshake import Abilities, names_flag, read_abilities, render_new

CLI = Abilities(is_iflow=True, takes_images=False, closes_sessions=False)


@pytest.mark.parametrize(
    ("said", "program", "abilities"),
    [
        ({}, "qwen", (False, False, False)),
        ({"isAuthenticated": True}, "node", (True, False, False)),
        ({}, "iflow", (True, False, False)),
        ({"agentCapabilities": {"promptCapabilities": {"image": True}}}, "x", (False, True, False)),
        ({"agentCapabilities": {"promptCapabilities": {"image": 1}}}, "x", (False, False, False)),
        ({"agentCapabilities": {"sessionCapabilities": {"close": {}}}}, "x", (False, False, True)),
        ({"agentCapabilities": {"sessionCapabilities": None}}, "x", (False, False, False)),
        ({"agentCapabilities": []}, "x", (False, False, False)),
    ],
)
def test_abilities_are_read_with_tolerance(
    said: dict[str, Any], program: str, abilities: tuple[bool, bool, bool]
) -> None:
    """What is not said, or said oddly, is not there."""
    assert read_abilities(said, program) == Abilities(*abilities)


def test_settings_go_to_iflow_only() -> None:
    """Others might refuse what they do not know."""
    other = CLI._replace(is_iflow=False)
    plain = {"cwd": "/x", "mcpServers": []}
    assert render_new(Path("/x"), other, "deny", "be kind") == plain
    assert render_new(Path("/x"), CLI, "deny", "be kind") == plain | {
        "settings": {"permission_mode": "default", "system_prompt": "be kind"}
    }
    assert render_new(Path("/x"), CLI, "ask-no-one-allow-all", "") == plain | {
        "settings": {"permission_mode": "yolo"}
    }


def test_an_argument_is_looked_for_in_the_help() -> None:
    """Python's own, here."""

    async def check() -> None:
        assert await names_flag(sys.executable, "-c cmd", os.environ)
        assert not await names_flag(sys.executable, "--stream", os.environ)

    asyncio.run(check())


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the program")
def test_a_program_that_does_not_show_its_help_has_no_such_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for."""
    monkeypatch.setattr("iflow_relay.agent.handshake.PROBING", 0.1)
    program = tmp_path / "silent"
    program.write_text("#!/bin/sh\necho --stream\nexec sleep 60\n")
    program.chmod(0o755)
    assert not asyncio.run(names_flag(str(program), "--stream", os.environ))
