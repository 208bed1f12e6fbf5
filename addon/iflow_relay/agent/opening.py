"""A new session of an agent, for a conversation that none of its sessions knows."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import AgentFailed, AgentTimeout, RelayError
from .asking import Asked
from .handshake import is_login, login_required, render_new
from .history import render_all
from .life import Died, Life, Running
from .link import AUTH_REQUIRED, Gone, Refused
from .session import Session
from .spec import AgentSpec


class Opened(NamedTuple):
    """A session that nobody else uses, and what it is to be prompted with."""

    session: Session
    running: Running
    prompt: list[dict[str, Any]]


async def open_session(life: Life, spec: AgentSpec, number: int, asked: Asked) -> Opened:
    """Open a session, on an agent that is started first where none runs; raises RelayError."""
    if life.running:
        # It may have died without a word since it was last used: that is not this call's fault.
        with contextlib.suppress(Died):
            return await _open_once(life, spec, number, asked)
    return await _open_once(life, spec, number, asked)


def explain_refusal(life: Life, spec: AgentSpec, refused: Refused) -> RelayError:
    """The error for a client whose prompt or session the agent refused."""
    if is_login(refused):
        return login_required(spec, refused).redact(life.mask)
    said = ": ".join(text for text in (refused.message, refused.details) if text)
    return AgentFailed(f"The agent {spec.name!r} answered with an error: {life.mask(said)[:1000]}")


async def _open_once(life: Life, spec: AgentSpec, number: int, asked: Asked) -> Opened:
    running = await life.get()
    try:
        session = await _ask(running, spec, number, asked.system)
    except Gone as gone:
        raise await life.died(running, "ended when a conversation began", gone) from gone
    except TimeoutError as error:
        message = f"The agent {spec.name!r} did not begin a conversation in {spec.silence:g} s."
        raise AgentTimeout(message) from error
    except Refused as refused:
        if refused.code == AUTH_REQUIRED:
            raise login_required(spec, refused).redact(life.mask) from refused
        raise explain_refusal(life, spec, refused) from refused
    abilities = running.abilities
    system = "" if abilities.is_iflow else asked.system
    prompt = render_all(system, asked.messages, images=abilities.takes_images)
    return Opened(session, running, prompt)


async def _ask(running: Running, spec: AgentSpec, number: int, system: str) -> Session:
    """Have the agent open it; raises Refused, Gone, TimeoutError, AgentFailed."""
    folder = spec.cwd or _new_folder(running.process.folder, number)
    params = render_new(folder, running.abilities, spec.permissions, system)
    try:
        async with asyncio.timeout(spec.silence):
            said = await running.link.request("session/new", params)
        name = _read_name(said, running, spec)
    except BaseException:
        if spec.cwd is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise
    return Session(running.link, name, folder, own=spec.cwd is None)


def _read_name(said: Mapping[str, Any], running: Running, spec: AgentSpec) -> str:
    name = said.get("sessionId")
    if not isinstance(name, str) or not name or name in running.busy:
        raise AgentFailed(f"The agent {spec.name!r} opened a session without a name of its own.")
    return name


def _new_folder(root: Path, number: int) -> Path:
    """An empty folder for this user alone; raises Gone where the agent has ended meanwhile."""
    folder = root / f"session-{number}"
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError as error:
        raise Gone from error
    return folder
