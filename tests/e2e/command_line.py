"""A home in which `iflow-relay login` and `logout` are run, each a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.programs import CLI, make_environment
from tests.e2e.terminal import Terminal, terminal


class Ran(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands in one home."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.settings = home / ".iflow" / "settings.json"
        self.variables = variables

    @property
    def environment(self) -> dict[str, str]:
        """What the commands see."""
        return make_environment(self.home, self.variables)

    def __call__(self, *words: str, stdin: str | None = None) -> Ran:
        """Run to the end; without `stdin` there is none."""
        done = subprocess.run(
            [*CLI, *words],
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in ran.err, ran.err
        return ran

    @contextmanager
    def terminal(self, *words: str) -> Iterator[Terminal]:
        """Run it in a terminal, for as long as the block."""
        with terminal([*CLI, *words], self.environment) as opened:
            yield opened

    def read(self) -> dict[str, Any]:
        """What settings.json holds."""
        document: dict[str, Any] = json.loads(self.settings.read_text("utf-8"))
        return document

    def write(self, text: str) -> None:
        """Put a settings.json there."""
        self.settings.parent.mkdir(exist_ok=True)
        self.settings.write_text(text, "utf-8")
