"""What the user says of an agent: the tables of agents.toml as values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

Policy = Literal["deny", "read", "ask-no-one-allow-all"]
"""What an agent may do that asks: nothing, read within its folder, or whatever it wants."""

ToolOutput = Literal["reasoning", "drop"]
"""Whether what its tools do is told as reasoning, or not at all."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_POLICIES: Final = get_args(Policy)
_TOOL_OUTPUTS: Final = get_args(ToolOutput)


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """How one agent is started and held; times in seconds, `sessions` kept at most."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    probe: str = ""
    """An argument that is added where the program's own `--help` names it."""
    # May hold keys, so it stays out of the repr.
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    permissions: Policy = "deny"
    tool_output: ToolOutput = "reasoning"
    sessions: int = 16
    idle: float = 1800
    deadline: float = 600
    silence: float = 120


BUILTIN: Final = AgentSpec("iflow", "iflow", ("--experimental-acp",), "--stream")
"""The iFlow CLI; without `--stream` it says its answer in one piece."""


def parse_agents(text: str) -> dict[str, AgentSpec]:
    """Read agents.toml: tables `[agent.NAME]`; what is built in is there too.

    Raises ValueError that names the agent and the field.
    """
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if unknown := document.keys() - {"agent"}:
        raise ValueError(f"unknown table {min(unknown)!r}: write [agent.NAME]")
    tables = document.get("agent", {})
    if not isinstance(tables, dict):
        raise ValueError("write [agent.NAME], with one pair of brackets and a name")
    specs = {BUILTIN.name: BUILTIN}
    return specs | {name: _parse_agent(name, table) for name, table in tables.items()}


def _parse_agent(name: str, table: Any) -> AgentSpec:
    if not _NAME.fullmatch(name):
        raise ValueError(f"[agent.{name}]: a name has letters, digits, dots, dashes only")
    if not isinstance(table, dict):
        raise ValueError(f"agent.{name} is no table: write [agent.{name}]")
    values = {key: _parse_field(name, key, value) for key, value in table.items()}
    base = BUILTIN if name == BUILTIN.name else AgentSpec(name)
    if "args" in values or "command" in values:
        base = replace(base, args=(), probe="")
    spec = replace(base, **values)
    if not spec.command:
        raise ValueError(f"[agent.{name}] has no command: name the program to run")
    return spec


def _parse_field(name: str, key: str, value: Any) -> Any:
    parse = _FIELDS.get(key)
    if parse is None:
        raise ValueError(f"[agent.{name}] {key}: no such field, choose of {', '.join(_FIELDS)}")
    try:
        return parse(value)
    except ValueError as error:
        raise ValueError(f"[agent.{name}] {key}: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("write a text")
    return value


def _command(value: Any) -> str:
    command = _text(value).strip()
    return str(_folder(command)) if command.startswith("~") else command


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and "\0" not in v for v in value):
        raise ValueError('write a list of texts, for example ["--acp"]')
    return tuple(value)


def _env(value: Any) -> Mapping[str, str]:
    # The value of a wrong one is not quoted: it may be a key.
    if not isinstance(value, dict):
        raise ValueError('write { NAME = "value" }')
    for name, text in value.items():
        if not name or "=" in name or not isinstance(text, str) or "\0" in text:
            raise ValueError(f"the value of {name!r} is no text")
    return dict(value)


def _folder(value: Any) -> Path:
    try:
        path = Path(_text(value).strip()).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value!r}: there is no such user") from error
    if not path.is_absolute():
        raise ValueError(f"{value!r} is relative: write the whole path")
    return path


def _one_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return parse


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ValueError(f"{value!r} is no number from 1 to 1000")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise ValueError(f"{value!r} is no number of seconds from 1 to 86400")
    return float(value)


_FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "command": _command,
    "args": _texts,
    "env": _env,
    "cwd": _folder,
    "permissions": _one_of(_POLICIES),
    "tool_output": _one_of(_TOOL_OUTPUTS),
    "sessions": _count,
    "idle": _seconds,
    "deadline": _seconds,
    "silence": _seconds,
}
