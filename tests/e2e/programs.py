"""The programs under test, each a process of its own with a home, a log and an end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import httpx2
import openai
from tests.conftest import HOMES, is_personal
from tests.e2e.wire import Wire, wire

from iflow_relay.demo import KEY

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "addon"
CLIENT_KEY = "sk-client-9876543210fedcba"
MODEL = "qwen3-coder-plus"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


def mitmproxy_program(name: str) -> list[str]:
    """The command of one of mitmproxy's own programs."""
    return [sys.executable, "-c", f"from mitmproxy.tools.main import {name}; {name}()"]


CLI = [sys.executable, "-m", "iflow_relay"]


def make_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment with nothing personal in it."""
    kept = {name: value for name, value in os.environ.items() if not is_personal(name)}
    ours = dict.fromkeys(HOMES, str(home)) | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ADDON)}
    return kept | ours | {"COLUMNS": "200"} | dict(extra or {})


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return as soon as it holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


class Program:
    """A process whose output goes to a file."""

    never_says: Sequence[str] = ("Traceback", "crashed", "Addon error")

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._checked = 0
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """All it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Return once it has printed the text."""
        wait_until(lambda: text in self.log(), f"{text!r} in\n{self.log()}", seconds)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait(self, seconds: float = 10) -> int:
        """Its exit status, once it has ended by itself."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it, whatever it is doing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def check_log(self, *, secrets: Sequence[str] = (KEY, CLIENT_KEY)) -> None:
        """Fail where it crashed, or wrote down a key, since the last check."""
        whole = self.log()
        log, self._checked = whole[self._checked :], len(whole)
        for trace in (*self.never_says, *secrets):
            assert trace not in log, log


class Relay(Program):
    """A relay with a reverse listener and, where `proxy_port` is given, a proxy beside it."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        port: int,
        proxy_port: int = 0,
    ) -> None:
        super().__init__(command, environment, folder / "log")
        self.folder = folder
        self.home = folder / "home"
        self.port = port
        self.proxy_port = proxy_port
        self.base_url = f"http://127.0.0.1:{port}/v1"

    @property
    def settings(self) -> Path:
        """The credential file."""
        return self.home / ".iflow" / "settings.json"

    def wait_until_it_answers(self) -> bool:
        """Whether it serves; False if somebody else took its port. Fails if it ends otherwise."""
        state = self._state()
        end = time.monotonic() + 30
        while state == "starts":
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)
            state = self._state()
        assert state != "ended", self.log()
        return state == "serves"

    def _state(self) -> str:
        if self.process.poll() is not None:
            return "no port" if "address already in use" in self.log() else "ended"
        try:
            answer = httpx2.get(f"{self.base_url}/health", trust_env=False)
        except httpx2.TransportError:
            return "starts"
        return "serves" if answer.status_code == 200 else "starts"

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """A plain HTTP/1.1 client of the reverse listener."""
        with httpx2.Client(base_url=self.base_url, trust_env=False, timeout=20) as client:
            yield client

    @contextlib.contextmanager
    def intercepted(
        self, base_url: str = "https://api.openai.com/v1", *, http2: bool = True
    ) -> Iterator[httpx2.Client]:
        """A client that believes it talks to that host, and is set to use the proxy."""
        with httpx2.Client(
            base_url=base_url,
            proxy=self.proxy_url,
            verify=self.trust(),
            http2=http2,
            trust_env=False,
            timeout=20,
        ) as client:
            yield client

    @property
    def proxy_url(self) -> str:
        """What an app takes as its proxy."""
        return f"http://127.0.0.1:{self.proxy_port}"

    def trust(self) -> ssl.SSLContext:
        """Trust in mitmproxy's certificates, and in no others."""
        return ssl.create_default_context(cafile=self.folder / "conf" / "mitmproxy-ca-cert.pem")

    @contextlib.contextmanager
    def openai(self) -> Iterator[openai.OpenAI]:
        """The official SDK with a key of its own."""
        with openai.OpenAI(base_url=self.base_url, api_key=CLIENT_KEY, max_retries=0) as client:
            yield client

    def wire(self) -> contextlib.AbstractContextManager[Wire]:
        """A raw connection to the reverse listener."""
        return wire(self.port)

    def check_it_serves(self) -> None:
        """Fail unless the relay answers a new client's request as if nothing had been."""
        with self.client() as client:
            answer = client.post("/chat/completions", json=HELLO)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == "You said: hello"
