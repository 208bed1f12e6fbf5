"""The machine whose trust stores are looked at: its folders, its environment, its programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import platformdirs

PATIENCE: Final = 30.0
"""Seconds that a program has to say what is in a store."""


class Outcome(NamedTuple):
    """How a program ended and what it said."""

    status: int
    out: str = ""
    err: str = ""

    @property
    def why(self) -> str:
        """The last line it said, which is where programs put the reason."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1].strip() if lines else f"it ended with status {self.status}"


@dataclass(frozen=True)
class Machine:
    """Where things are on a machine, and who asks."""

    platform: str
    """As in `sys.platform`."""
    home: Path
    environ: Mapping[str, str]
    state: Path
    """Our own folder, for notes on what was put where."""
    root: Path = Path("/")
    is_root: bool = False
    has_terminal: bool = False

    def find(self, program: str) -> str | None:
        """The program's path; those for root are found without being on PATH."""
        found = shutil.which(program, path=self.environ.get("PATH", os.defpath))
        return found or shutil.which(program, path=str(self.root / "usr/sbin"))

    def run(self, command: Sequence[str], patience: float | None = None) -> Outcome:
        """Run a program without a terminal, so that it fails where it would ask."""
        program = self.find(command[0])
        if program is None:
            return Outcome(127, err=f"{command[0]} is not installed")
        try:
            done = subprocess.run(  # noqa: S603, the commands are those of the stores
                [program, *command[1:]],
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome(124, err=f"{command[0]} did not end within {patience:.0f} s")
        except OSError as error:
            return Outcome(126, err=f"{command[0]} cannot be run: {error.strerror}")
        return Outcome(done.returncode, done.stdout, done.stderr)


def this_machine() -> Machine:
    """The machine that we run on."""
    return Machine(
        platform=sys.platform,
        home=Path.home(),
        environ=os.environ,
        state=platformdirs.user_state_path("iflow-relay"),
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        has_terminal=sys.stdin.isatty(),
    )
