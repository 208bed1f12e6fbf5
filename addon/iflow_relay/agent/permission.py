"""What an agent that asks is allowed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .spec import Policy
from .telling import Tool

_ALLOW: Final = ("allow_once", "allow_always")
_REJECT: Final = ("reject_once", "reject_always")


def is_allowed(policy: Policy, tool: Tool, is_inside: Callable[[str], bool]) -> bool:
    """Whether a tool call may go on; with `read` only where it names what it reads, all inside."""
    if policy == "read":
        return tool.kind == "read" and bool(tool.paths) and all(map(is_inside, tool.paths))
    return policy == "ask-no-one-allow-all"


def choose(options: Sequence[Mapping[str, Any]], *, allowed: bool) -> str | None:
    """The option to take, for this once rather than always; None where none fits."""
    for kind in _ALLOW if allowed else _REJECT:
        for option in options:
            if option.get("kind") == kind and isinstance(option.get("optionId"), str):
                return str(option["optionId"])
    return None


def render_outcome(option: str | None) -> dict[str, Any]:
    """The answer to `session/request_permission`."""
    if option is None:
        return {"outcome": {"outcome": "cancelled"}}
    return {"outcome": {"outcome": "selected", "optionId": option}}


def render_capabilities(policy: Policy) -> dict[str, Any]:
    """The capabilities that an agent is offered: files as far as the policy goes, no terminal."""
    reads, writes = policy != "deny", policy == "ask-no-one-allow-all"
    return {"fs": {"readTextFile": reads, "writeTextFile": writes}, "terminal": False}


def locate(path: str, folder: Path) -> Path | None:
    """Where a path leads, links and dots followed, if that is within the folder; else None."""
    if not os.path.isabs(path) or "\0" in path:
        return None
    try:
        found = Path(os.path.realpath(path))
    except OSError:
        return None
    return found if found.is_relative_to(os.path.realpath(folder)) else None
