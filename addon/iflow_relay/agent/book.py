"""Which agents there are: agents.toml, re-read when it changes, and whose programs are found."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import platformdirs

from ..catalog import Model, render_model
from ..errors import AgentUnavailable, NotFound
from ..files import read_file, short_path
from .spec import BUILTIN, AgentSpec, parse_agents

logger = logging.getLogger(__name__)

ROOT: Final = "iflow"
"""The model that is the agent of that name; any other agent is the model `iflow/NAME`."""

INSTALL: Final = 'pip install "iflow-relay[agent]"'


def agent_name(model: str) -> str | None:
    """The agent that a model's name stands for; None for models of the upstream."""
    root, slash, name = model.partition("/")
    if root != ROOT or (slash and not name):
        return None
    return name or ROOT


def agent_model(name: str) -> str:
    """The model that an agent is called by."""
    return ROOT if name == ROOT else f"{ROOT}/{name}"


def render_agent(name: str) -> dict[str, Any]:
    """The agent as an entry of `GET /models`."""
    return render_model(Model(agent_model(name)))


def find_command(spec: AgentSpec, environ: Mapping[str, str]) -> str | None:
    """The file of the agent's program; None where there is none to run."""
    path = spec.env.get("PATH", environ.get("PATH", os.defpath))
    return shutil.which(spec.command, path=path)


@cache
def has_library() -> bool:
    """Whether the library that speaks ACP is installed; looked for once."""
    return importlib.util.find_spec("acp") is not None


class AgentBook:
    """The agents that the user has, as agents.toml says now."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_config_path("iflow-relay") / "agents.toml"
        self._stamp: tuple[int, ...] | None = None
        self._specs: Mapping[str, AgentSpec] = {BUILTIN.name: BUILTIN}
        self._problem = ""

    def list_agents(self) -> list[str]:
        """The names of the agents that could be called: some calls of stat, nothing is started."""
        if not has_library():
            return []
        return [name for name, spec in self._read().items() if find_command(spec, os.environ)]

    def find(self, name: str) -> AgentSpec:
        """The agent of that name; raises NotFound, or AgentUnavailable with what is missing."""
        specs = self._read()
        if self._problem:
            raise AgentUnavailable(f"The agents are not usable: {self._problem}")
        spec = specs.get(name)
        if spec is None:
            known = ", ".join(map(agent_model, self.list_agents())) or "none"
            raise NotFound(
                f"There is no agent {name[:200]!r}; those there are: {known}. "
                f"Agents are set up in {short_path(self._path)}.",
                param="model",
                code="model_not_found",
            )
        if not has_library():
            raise AgentUnavailable(f"Agents need one more library here: {INSTALL}")
        if find_command(spec, os.environ) is None:
            raise AgentUnavailable(
                f"The program of the agent {name!r}, {spec.command}, is not found: install it, "
                f"or give its path as command in [agent.{name}] of {short_path(self._path)}."
            )
        return spec

    def _read(self) -> Mapping[str, AgentSpec]:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp, self._problem = stamp, ""
            try:
                self._specs = parse_agents((read_file(self._path) or b"").decode("utf-8-sig"))
            except (OSError, ValueError) as error:
                # Not what was good before: the change may have been meant to forbid something.
                self._specs, self._problem = {}, f"{short_path(self._path)}: {error}"
                logger.warning("No agent is used: %s", self._problem)
        return self._specs

    def _look(self) -> tuple[int, ...] | None:
        """What changes with the file, and with who may read it."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
