"""Made-up machines: folders of the test's own, and programs that write down their calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from iflow_relay.trust.machine import Machine


class Fake:
    """A machine in a folder, with no programs but those that it is given."""

    def __init__(self, folder: Path, platform: str = "linux", **changes: Any) -> None:
        self.root = folder / "root"
        self.bin = folder / "bin"
        self.home = folder / "user"
        self._log = folder / "calls"
        for path in (self.root, self.bin, self.home):
            path.mkdir()
        environ = {"PATH": str(self.bin), "HOME": str(self.home)} | changes.pop("environ", {})
        state = folder / "state"
        self.machine = Machine(platform, self.home, environ, state, self.root, **changes)

    def program(self, name: str, body: str = "", *, folder: Path | None = None) -> None:
        """Put a program there: Python, with the arguments in `args`."""
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"#!{sys.executable} -SE\n"
            "import json, os, pathlib, sys\n"
            "args = sys.argv[1:]\n"
            f"with open({str(self._log)!r}, 'a') as log:\n"
            f"    log.write(json.dumps([{name!r}, *args]) + '\\n')\n" + dedent(body)
        )
        path.chmod(0o755)

    def calls(self) -> list[list[str]]:
        """How the programs were called, since this was asked last."""
        if not self._log.exists():
            return []
        lines = self._log.read_text().splitlines()
        self._log.unlink()
        return [json.loads(line) for line in lines]
