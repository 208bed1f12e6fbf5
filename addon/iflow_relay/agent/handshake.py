"""How a process becomes an agent that can be prompted: `initialize`, and a login where it asks."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from .. import __version__
from ..errors import AgentFailed, AgentLoginRequired
from .link import AUTH_REQUIRED, PROTOCOL, Link, Refused
from .permission import render_capabilities
from .spec import AgentSpec, Policy

PROBING: Final = 10.0
"""Seconds that a program has to print its help."""

_IFLOW_LOGIN: Final = "iflow"
"""The method that uses what the CLI itself is logged in with."""

_MODES: Final[Mapping[Policy, str]] = {
    "deny": "default",
    "read": "default",
    "ask-no-one-allow-all": "yolo",
}


class Abilities(NamedTuple):
    """What an agent said of itself."""

    is_iflow: bool
    takes_images: bool
    closes_sessions: bool


async def shake_hands(link: Link, spec: AgentSpec) -> Abilities:
    """Begin with an agent; raises AgentFailed, AgentLoginRequired, Refused, Gone."""
    said = await link.request(
        "initialize",
        {
            "protocolVersion": PROTOCOL,
            "clientCapabilities": render_capabilities(spec.permissions),
            "clientInfo": {"name": "iflow-relay", "version": __version__},
        },
    )
    version = said.get("protocolVersion")
    if version != PROTOCOL:
        raise AgentFailed(
            f"The agent {spec.name!r} speaks version {version} of ACP, not {PROTOCOL}."
        )
    if said.get("isAuthenticated") is False:
        await _log_in(link, spec)
    return read_abilities(said, Path(spec.command).stem)


async def _log_in(link: Link, spec: AgentSpec) -> None:
    try:
        await link.request("authenticate", {"methodId": _IFLOW_LOGIN})
    except Refused as refused:
        raise login_required(spec, refused) from refused


def read_abilities(said: Mapping[str, Any], program: str) -> Abilities:
    """Read the answer to `initialize`; `isAuthenticated` is iFlow's own."""
    able = _inner(said, "agentCapabilities")
    return Abilities(
        is_iflow="isAuthenticated" in said or program == "iflow",
        takes_images=_inner(able, "promptCapabilities").get("image") is True,
        closes_sessions="close" in _inner(able, "sessionCapabilities"),
    )


def render_new(cwd: Path, abilities: Abilities, policy: Policy, system: str) -> dict[str, Any]:
    """The parameters of `session/new`; iFlow takes settings with it."""
    params: dict[str, Any] = {"cwd": str(cwd), "mcpServers": []}
    if abilities.is_iflow:
        prompt = {"system_prompt": system} if system else {}
        params["settings"] = {"permission_mode": _MODES[policy], **prompt}
    return params


def login_required(spec: AgentSpec, refused: Refused) -> AgentLoginRequired:
    """The error that says how to log in."""
    said = ": " + (refused.details or refused.message) if refused.message else ""
    return AgentLoginRequired(
        f"The agent {spec.name!r} is not logged in{said[:300]}. "
        f"Run {spec.command} once in a terminal, log in there, and send the request again."
    )


def is_login(refused: Refused) -> bool:
    """Whether an error in the middle of the work says that a login is missing."""
    words = f"{refused.message} {refused.details}".lower()
    return refused.code == AUTH_REQUIRED and ("auth" in words or "log in" in words)


async def names_flag(command: str, flag: str, environ: Mapping[str, str]) -> bool:
    """Whether the program's own help names an argument."""
    nothing, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(command, "--help"),
        stdin=nothing,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environ),
        start_new_session=os.name == "posix",
    )
    try:
        async with asyncio.timeout(PROBING):
            said, _ = await process.communicate()
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return flag.encode() in said


def _inner(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An inner object; empty where there is none."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}
