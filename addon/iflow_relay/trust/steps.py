"""What a change of a trust store consists of: each step can be shown, and taken."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from ..files import replace_file
from .machine import Machine

PUBLIC = 0o644
"""The permissions of a file that others may read."""


class MakeFolder(NamedTuple):
    """A folder for its owner alone."""

    path: Path


class Copy(NamedTuple):
    """A file that everybody may read, replaced in one go."""

    source: Path
    target: Path


class Remove(NamedTuple):
    """A file that is to be gone."""

    path: Path


class Run(NamedTuple):
    """A program that must end well."""

    command: tuple[str, ...]


Step = MakeFolder | Copy | Remove | Run


class StepError(Exception):
    """A step that failed, in words."""


def describe(step: Step) -> str:
    """What the step will do, for a person."""
    match step:
        case MakeFolder(path):
            return f"make the folder {path}"
        case Copy(source, target):
            return f"copy {source} to {target}"
        case Remove(path):
            return f"remove {path}"
        case Run(command):
            return _join(command)


def render_line(step: Step) -> str:
    """The step as a line for a shell, where there are such shells."""
    match step:
        case MakeFolder(path):
            return shlex.join(("mkdir", "-p", str(path)))
        case Copy(source, target):
            return shlex.join(("install", "-m", "644", str(source), str(target)))
        case Remove(path):
            return shlex.join(("rm", "-f", str(path)))
        case Run(command):
            return shlex.join(command)


def _join(command: tuple[str, ...]) -> str:
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def take(step: Step, machine: Machine) -> None:
    """Do it; raises StepError."""
    try:
        _take(step, machine)
    except OSError as error:
        where = error.filename2 or error.filename
        raise StepError(f"{where}: {error.strerror}") from error


def _take(step: Step, machine: Machine) -> None:
    match step:
        case MakeFolder(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        case Copy(source, target):
            replace_file(target, source.read_bytes(), PUBLIC)
        case Remove(path):
            path.unlink(missing_ok=True)
        case Run(command):
            outcome = machine.run(command)
            if outcome.status:
                raise StepError(outcome.why)
