"""What an agent asks of its client, answered as far as the user's policy goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .link import INVALID_PARAMS, NO_SUCH_METHOD, NOT_FOUND, Refused
from .permission import choose, is_allowed, locate, render_outcome
from .spec import Policy
from .textfiles import read_text, write_text
from .turn import Turn


async def answer_agent(
    method: str, params: Mapping[str, Any], turn: Turn, folder: Path, policy: Policy
) -> dict[str, Any]:
    """The answer to a request of the agent's within a turn; raises Refused."""
    match method:
        case "session/request_permission":
            return _permit(params, turn, folder, policy)
        case "fs/read_text_file" if policy != "deny":
            return await _read_file(params, turn, folder)
        case "fs/write_text_file" if policy == "ask-no-one-allow-all":
            return await _write_file(params, turn, folder)
        case "fs/read_text_file" | "fs/write_text_file":
            verb = "read" if method == "fs/read_text_file" else "write"
            raise _refused(turn, f"to {verb} {params.get('path')}", NO_SUCH_METHOD, policy)
    raise Refused(NO_SUCH_METHOD, f"{method} is not offered")


def _permit(params: Mapping[str, Any], turn: Turn, folder: Path, policy: Policy) -> dict[str, Any]:
    call = params.get("toolCall")
    tool = turn.telling.tool(call if isinstance(call, dict) else {})
    offered = params.get("options")
    options = [o for o in offered if isinstance(o, dict)] if isinstance(offered, list) else []
    allowed = is_allowed(policy, tool, lambda path: locate(path, folder) is not None)
    option = choose(options, allowed=allowed)
    if not allowed or option is None:
        turn.refuse(f'{tool.title} (permissions = "{policy}")')
    return render_outcome(option)


async def _read_file(params: Mapping[str, Any], turn: Turn, folder: Path) -> dict[str, Any]:
    path = _inside(params, turn, folder, "read")
    line, limit = _number(params.get("line")), _number(params.get("limit"))
    try:
        return {"content": await asyncio.to_thread(read_text, path, line, limit)}
    except FileNotFoundError as error:
        # Agents ask before they write, and tell by this code that nothing is there yet.
        raise Refused(NOT_FOUND, f"{path.name}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise Refused(INVALID_PARAMS, f"{path.name} cannot be read: {_why(error)}") from error


async def _write_file(params: Mapping[str, Any], turn: Turn, folder: Path) -> dict[str, Any]:
    path = _inside(params, turn, folder, "write")
    try:
        await asyncio.to_thread(write_text, path, str(params.get("content")))
    except (OSError, ValueError) as error:
        raise Refused(INVALID_PARAMS, f"{path.name} cannot be written: {_why(error)}") from error
    return {}


def _inside(params: Mapping[str, Any], turn: Turn, folder: Path, verb: str) -> Path:
    """Where the request's path leads; raises Refused where that is outside of the folder."""
    path = locate(str(params.get("path")), folder)
    if path is None:
        what = f"to {verb} {params.get('path')}, outside of its folder"
        raise _refused(turn, what, INVALID_PARAMS)
    return path


def _refused(turn: Turn, what: str, code: int, policy: str = "") -> Refused:
    because = f' (permissions = "{policy}")' if policy else ""
    turn.refuse(what[:500] + because)
    return Refused(code, f"refused {what}{because}")


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else "it failed"
    return str(error)
