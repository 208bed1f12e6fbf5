"""A home folder with the programs that run in it: `iflow-relay`, relays, and apps under `run`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.programs import ADDON, CLI, CLIENT_KEY, Program, Relay, free_port, make_environment
from tests.e2e.servers import Stub

from iflow_relay.demo import KEY
from iflow_relay.environment import VARIABLES

HERE = Path(__file__).parent
APPS = HERE / "apps"


class Sinkhole(NamedTuple):
    """Stands where api.openai.com would be, and can prove who it is."""

    stub: Stub
    authority: Path


class Ran(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        """The JSON that it printed; fails where it failed."""
        assert self.code == 0, self
        return json.loads(self.out)


class Machine:
    """A home whose programs find some names at the test's own servers, by their ports."""

    def __init__(self, home: Path, upstream: str, names: Mapping[str, int]) -> None:
        self.home = home
        self.folder = home.parent
        self.upstream = upstream
        self._names = " ".join(f"{name}={port}" for name, port in names.items())
        # `run` has no option for the folder: mitmproxy's own place in this home.
        shutil.copytree(self.folder / "conf", home / ".mitmproxy", symlinks=True)
        self.write_settings()

    @property
    def settings(self) -> Path:
        """The credential file."""
        return self.home / ".iflow" / "settings.json"

    def write_settings(self, **changed: object) -> None:
        """Credentials for the upstream, but for what is changed."""
        settings = {"apiKey": KEY, "baseUrl": self.upstream} | changed
        self.settings.write_text(json.dumps(settings))

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a program in this home is given."""
        # What a program that is killed leaves behind goes with the test.
        made = make_environment(self.home, {"TMPDIR": str(self.home)})
        # What the machine that runs the tests trusts is not what these programs should.
        kept = {name: value for name, value in made.items() if name not in VARIABLES}
        path = os.pathsep.join(map(str, (ADDON, HERE / "resolving")))
        ours = {"PYTHONPATH": path, "RESOLVE_TO": self._names, "OPENAI_API_KEY": CLIENT_KEY}
        return {**kept, **ours, **(variables or {})}

    def cli(self, *words: str, **variables: str) -> Ran:
        """One command of `iflow-relay`, to its end."""
        return self.do(*CLI, *words, **variables)

    def run(self, *words: str, **variables: str) -> Ran:
        """`iflow-relay run`, to its end."""
        return self.cli("run", *words, **variables)

    def do(self, *command: str, **variables: str) -> Ran:
        """Any program, to its end."""
        done = subprocess.run(
            command,
            env=self.environment(variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def begin(self, *command: str, **variables: str) -> Program:
        """Any program, while it runs."""
        log = self.folder / f"log-{free_port()}"
        return Program(command, self.environment(variables), log)

    def intercept(self, *words: str, **variables: str) -> Relay:
        """`iflow-relay intercept` on free ports."""
        for _ in range(3):
            port, proxy = free_port(), free_port()
            listen = ("--listen", str(port), "--proxy", str(proxy))
            relay = Relay(
                [*CLI, "intercept", *listen, *words],
                self.environment(variables),
                self.folder,
                port=port,
                proxy_port=proxy,
            )
            if relay.wait_until_it_answers():
                break
        return relay

    def relays(self) -> list[dict[str, Any]]:
        """The notes of the relays that run in this home."""
        folder = self.home / ".local" / "state" / "iflow-relay" / "running"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


class Served(NamedTuple):
    """A home in which a relay runs."""

    machine: Machine
    relay: Relay


def sets(options: Sequence[str]) -> list[str]:
    """Options as the commands take them."""
    return [word for option in options for word in ("--set", option)]


def app(name: str, *words: str) -> Sequence[str]:
    """The command of one of the apps, behind the dashes of `run`."""
    return ("--", sys.executable, str(APPS / f"{name}.py"), *words)


def python(code: str, *words: str) -> Sequence[str]:
    """A command that runs the code, behind the dashes of `run`."""
    return ("--", sys.executable, "-c", code, *words)
