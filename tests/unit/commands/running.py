"""`iflow-relay run` in a process of its own, with a relay that only stands in for one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from iflow_relay.environment import VARIABLES

ADDON = Path(__file__).parents[3] / "addon"
STAND_IN = Path(__file__).with_name("stand_in.py")

CLI = f"""
import sys
from iflow_relay import private
private.RELAY = (sys.executable, {str(STAND_IN)!r})
private.PATIENCE, private.GRACE = PATIENCE, GRACE
from iflow_relay.cli import main
main(prog_name="iflow-relay")
"""

AUTHORITY = "-----BEGIN CERTIFICATE-----\nb3Vycw==\n-----END CERTIFICATE-----\n"
"""What looks like one in a bundle; no TLS is spoken here."""


SET_BEFORE = (*VARIABLES, "SSL_CERT_DIR")
"""What the machine that runs the tests may have set for itself."""


class Ran(NamedTuple):
    """What came of it."""

    code: int
    out: str
    err: str


class Running:
    """Runs commands under `iflow-relay run`; the relay's notes and all files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("conf", "tmp"):
            (folder / name).mkdir()
        (folder / "conf" / "mitmproxy-ca-cert.pem").write_text(AUTHORITY)

    def __call__(self, *words: str, stdin: str = "", patience: float = 30, **variables: str) -> Ran:
        """Run to the end."""
        done = subprocess.run(
            self.command(*words, patience=patience),
            env=self.environment(variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str, patience: float = 30, grace: float = 2) -> list[str]:
        """The command line; `words` follow `run`."""
        code = CLI.replace("PATIENCE, GRACE\n", f"{patience}, {grace}\n")
        return [sys.executable, "-c", code, "run", *words]

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What the process is given."""
        ours = {
            "STAND_IN": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": str(ADDON),
        }
        kept = {name: value for name, value in os.environ.items() if name not in SET_BEFORE}
        return {**kept, **ours, **variables}

    @contextmanager
    def started(self, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The process while it runs, its three streams in our hands; no longer than the block."""
        with subprocess.Popen(
            self.command(*words),
            env=self.environment(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def relay(self) -> dict[str, Any]:
        """What the stand-in found when it started."""
        found: dict[str, Any] = json.loads((self.folder / "started.json").read_text("utf-8"))
        return found

    def has_relay(self) -> bool:
        """Whether it was started at all."""
        return (self.folder / "started.json").exists()

    def ending(self) -> str | None:
        """Why it ended, once it has."""
        path = self.folder / "ended"
        return path.read_text("utf-8") if path.exists() else None

    def left_over(self) -> list[str]:
        """What lies in the folder for temporary files."""
        return [path.name for path in (self.folder / "tmp").iterdir()]

    def kill_relay(self) -> None:
        """End it the hard way."""
        os.kill(self.relay["pid"], signal.SIGKILL)


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return as soon as it holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


def python(code: str) -> tuple[str, ...]:
    """A command that runs the code."""
    return ("--", sys.executable, "-c", code)
