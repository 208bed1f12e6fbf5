"""agents.toml as values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iflow_relay.agent.spec import BUILTIN, AgentSpec, parse_agents


def test_an_empty_file_has_what_is_built_in() -> None:
    """The iFlow CLI, in its ACP mode, which may do nothing."""
    assert parse_agents("") == {"iflow": BUILTIN}
    assert (BUILTIN.command, BUILTIN.args) == ("iflow", ("--experimental-acp",))
    assert BUILTIN.permissions == "deny"


def test_every_field_is_read() -> None:
    """Times in seconds; the folder with its ~ expanded."""
    text = """
        [agent.qwen]
        command = "qwen"
        args = ["--acp"]
        env = { OPENAI_BASE_URL = "http://127.0.0.1:8000/v1" }
        cwd = "~/project"
        permissions = "read"
        tool_output = "drop"
        sessions = 4
        idle = 60
        deadline = 30.5
        silence = 10
    """
    assert parse_agents(text)["qwen"] == AgentSpec(
        "qwen",
        "qwen",
        ("--acp",),
        "",
        {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"},
        Path.home() / "project",
        "read",
        "drop",
        4,
        60.0,
        30.5,
        10.0,
    )


def test_what_is_built_in_can_be_changed_in_part() -> None:
    """Its command stays, unless that is what is changed."""
    changed = parse_agents('[agent.iflow]\npermissions = "read"')["iflow"]
    assert (changed.command, changed.args, changed.probe) == (
        "iflow",
        ("--experimental-acp",),
        "--stream",
    )
    other = parse_agents('[agent.iflow]\ncommand = "/opt/iflow"')["iflow"]
    assert (other.command, other.args, other.probe) == ("/opt/iflow", (), "")


def test_keys_in_the_environment_are_not_printed() -> None:
    """An agent's repr may end up in a log."""
    spec = parse_agents('[agent.x]\ncommand = "x"\nenv = { KEY = "sk-hidden" }')["x"]
    assert "sk-hidden" not in repr(spec)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[agent.x", "Expected ']' at the end"),
        ("[agents.x]", "unknown table 'agents': write [agent.NAME]"),
        ("agent = 1", "write [agent.NAME]"),
        ("[agent]\nx = 1", "agent.x is no table"),
        ("[agent.x]", "[agent.x] has no command"),
        ('[agent."a b"]\ncommand = "x"', "[agent.a b]: a name has letters"),
        ('[agent.x]\ncomand = "x"', "[agent.x] comand: no such field, choose of command, args"),
        ("[agent.x]\ncommand = 1", "[agent.x] command: write a text"),
        ('[agent.x]\ncommand = " "', "[agent.x] command: write a text"),
        ('[agent.x]\ncommand = "x"\nargs = "--acp"', "[agent.x] args: write a list of texts"),
        ('[agent.x]\ncommand = "x"\nenv = []', "[agent.x] env: write {"),
        ('[agent.x]\ncommand = "x"\nenv = { A = 1 }', "[agent.x] env: the value of 'A' is no text"),
        ('[agent.x]\ncommand = "x"\ncwd = "here"', "[agent.x] cwd: 'here' is relative"),
        ('[agent.x]\ncommand = "x"\npermissions = "all"', "'all' is none of deny, read, ask-no-"),
        ('[agent.x]\ncommand = "x"\ntool_output = ""', "[agent.x] tool_output: '' is none of"),
        ('[agent.x]\ncommand = "x"\nsessions = 0', "[agent.x] sessions: 0 is no number from 1"),
        ('[agent.x]\ncommand = "x"\nsessions = true', "[agent.x] sessions: True is no number"),
        ('[agent.x]\ncommand = "x"\nidle = "1h"', "[agent.x] idle: '1h' is no number of seconds"),
        ('[agent.x]\ncommand = "x"\nsilence = -1', "[agent.x] silence: -1 is no number of seconds"),
    ],
)
def test_a_wrong_file_says_which_agent_and_which_field(text: str, complaint: str) -> None:
    """The value is quoted where it cannot be a key."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse_agents(text)


def test_a_wrong_value_in_the_environment_is_not_quoted() -> None:
    """It may be a key."""
    with pytest.raises(ValueError, match="KEY") as caught:
        parse_agents('[agent.x]\ncommand = "x"\nenv = { KEY = ["sk-hidden"] }')
    assert "sk-hidden" not in str(caught.value)
