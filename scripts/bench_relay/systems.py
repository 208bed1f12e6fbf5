"""What is measured: how each system is started, and that it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from iflow_relay.demo import KEY, USER_AGENT

from .client import Connection, LoadError
from .host import Cores, cpu_seconds, pinned, resident_mb, waited_seconds
from .load import connected
from .requests import SMALL

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
POLL_SECONDS = 0.005

STREAM_ADDON = """\
def responseheaders(flow):
    flow.response.stream = True
"""

UNWATCHED_SCRIPT = """\
from iflow_relay.mitm import relay
from iflow_relay.mitm.addons import make_addons

WATCHING = {"RelayLedger", "RelayMetrics", "RelayTurns", "RelayKeeping"}

relay.note = lambda flow, ended: None
own = relay.Relay()
addons = [addon for addon in make_addons(own) if type(addon).__name__ not in WATCHING]
own.on_end.clear()
"""


class Running(NamedTuple):
    """What answers at a port; `process` is the proxy's, if there is one. `start` in seconds."""

    port: int
    process: subprocess.Popen[bytes] | None = None
    start: float = 0

    def cpu_seconds(self) -> float:
        """Processor time that the proxy has used so far."""
        return cpu_seconds(self.process.pid) if self.process else 0

    def waited_seconds(self) -> float:
        """Time that the proxy could have used, but its core was busy with something else."""
        return waited_seconds(self.process.pid) if self.process else 0

    def resident_mb(self) -> float:
        """Memory that the proxy holds."""
        return resident_mb(self.process.pid) if self.process else 0


class Place(NamedTuple):
    """Where a system is to listen, where its upstream is, and a folder for its files."""

    port: int
    upstream: int
    folder: Path


def mitmdump(mode: str, *arguments: str) -> list[str]:
    """The command of mitmproxy's own program."""
    program = str(Path(sysconfig.get_path("scripts")) / "mitmdump")
    return [program, "-q", "--mode", mode, *arguments]


def _mitmdump(place: Place, *arguments: str) -> list[str]:
    mode = f"reverse:http://127.0.0.1:{place.upstream}@127.0.0.1:{place.port}"
    return mitmdump(mode, *arguments)


def relay_options(upstream: int) -> list[str]:
    """The options of a relay in front of the demo upstream at this port."""
    options = {
        "iflow_base_url": f"http://127.0.0.1:{upstream}/v1",
        "iflow_api_key": KEY,
        "iflow_user_agent": USER_AGENT,
        "iflow_models": "builtin",
    }
    return [text for name, value in options.items() for text in ("--set", f"{name}={value}")]


def _bare(place: Place) -> list[str]:
    return _mitmdump(place)


def _bare_stream(place: Place) -> list[str]:
    script = place.folder / "stream.py"
    script.write_text(STREAM_ADDON, "utf-8")
    return _mitmdump(place, "-s", str(script))


def _stock(place: Place) -> list[str]:
    return _mitmdump(place, "-s", str(ROOT / "addon" / "iflow.py"), *relay_options(place.upstream))


def _serve(place: Place) -> list[str]:
    # Not -q: what is measured is what people run. Its line for each call goes to /dev/null.
    command = [sys.executable, "-m", "iflow_relay", "serve", "--listen", f"127.0.0.1:{place.port}"]
    return [*command, *relay_options(place.upstream)]


def _unwatched(place: Place) -> list[str]:
    """The addon without whatever looks at calls: no ledger, metrics, comments or views."""
    script = place.folder / "unwatched.py"
    script.write_text(UNWATCHED_SCRIPT, "utf-8")
    options = ("--set", "iflow_ledger=off")
    return _mitmdump(place, "-s", str(script), *relay_options(place.upstream), *options)


def _watched(place: Place) -> list[str]:
    """With all of that, and with the bodies kept, as where somebody looks."""
    return [*_stock(place), "--set", "store_streamed_bodies=true"]


PROXIES: Mapping[str, Callable[[Place], list[str]]] = {
    "bare": _bare,
    "bare+stream": _bare_stream,
    "stock": _stock,
    "serve": _serve,
    "unwatched": _unwatched,
    "watched": _watched,
}
WATCHING = ("unwatched", "watched")
"""Systems that are measured only where somebody asks what it costs to be looked at."""
USUAL = tuple(name for name in PROXIES if name not in WATCHING)
DIRECT = "direct"
SYSTEMS = (DIRECT, *PROXIES)


class House:
    """The processes of one run; a context manager that ends them all, however it is left."""

    def __init__(self, folder: Path, cores: Cores | None) -> None:
        self._folder = folder
        self._cores = cores
        self._logs: dict[subprocess.Popen[bytes], Path] = {}
        self._started = 0
        home = folder / "home"
        home.mkdir()
        kept = {name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ}
        self._environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT / "addon")}

    async def start_demo(self) -> int:
        """Start the demo upstream; returns its port."""
        port = free_port()
        await self._start_upstream(["-m", "iflow_relay.demo", "--port", str(port)], port)
        return port

    async def start_stamping(self) -> int:
        """Start the upstream whose chunks say when they were sent; returns its port."""
        port = free_port()
        await self._start_upstream(["-m", f"{__package__}.stamping", str(port)], port)
        return port

    async def start(self, name: str, upstream: int) -> Running:
        """Start a system and wait for its first answer; raises LoadError if there is none."""
        port = free_port()
        command = PROXIES[name](Place(port, upstream, self._folder))
        begun = time.monotonic()
        with pinned(self._cores.proxy if self._cores else None):
            process = self._spawn(command)
        await self._first_answer(process, port)
        return Running(port, process, time.monotonic() - begun)

    def start_listener(self, command: Sequence[str], port: int) -> None:
        """Start a program and wait until it listens; raises LoadError if it does not."""
        process = self._spawn(command)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                if process.poll() is not None or time.monotonic() > end:
                    raise LoadError(f"does not listen{self._last_words(process)}") from None
                time.sleep(POLL_SECONDS)
            else:
                return

    def end(self, running: Running) -> None:
        """End one system."""
        if running.process:
            self._end([running.process])

    async def _start_upstream(self, arguments: Sequence[str], port: int) -> None:
        await self._first_answer(self._spawn([sys.executable, *arguments]), port)

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        self._started += 1
        path = self._folder / f"{self._started}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
                env=self._environment,
            )
        self._logs[process] = path
        return process

    async def _first_answer(self, process: subprocess.Popen[bytes], port: int) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        async with connected(port, Connection, 1, SMALL):
                            return
                    except ConnectionRefusedError:
                        if process.poll() is not None:
                            raise LoadError(f"ended at start{self._last_words(process)}") from None
                        await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise LoadError(f"does not listen{self._last_words(process)}") from None
        except LoadError as error:
            raise LoadError(f"{error}{self._last_words(process)}") from None

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        text = self._logs[process].read_text("utf-8", "replace")
        lines = text.strip().splitlines()[-15:]
        return "".join(f"\n    {line}" for line in lines)

    def _end(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            del self._logs[process]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._end(list(self._logs))


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
