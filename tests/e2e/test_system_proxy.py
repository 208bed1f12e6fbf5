"""`iflow-relay system-proxy` from the command line, on machines with made-up desktops."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.programs import CLI, Program, free_port, make_environment
from tests.unit.system_proxy.machine import GNOME, KDE, MACOS, WINDOWS, Machine, service

PAC = "http://127.0.0.1:9/proxy.pac"

RELAY = """
import http.server, json, os, sys
from iflow_relay.presence import Presence, announce

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        pac = b"function FindProxyForURL(url, host) { return 'DIRECT'; }"
        self.wfile.write(pac if self.path == "/proxy.pac" else b'{"instance": "x"}')

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
address = f"http://127.0.0.1:{sys.argv[1]}"
announce(Presence(os.getpid(), "x", address, address, (), ""))
print("listens", flush=True)
server.serve_forever()
"""
"""What the command sees of a relay: its note, its health, its PAC file."""

RECOVER = "from iflow_relay.system_proxy.switch import recover; print(recover())"


class Computer:
    """A home and desktops, and the command line in them."""

    def __init__(self, folder: Path, *programs: str, **state: Any) -> None:
        self.machine = Machine(folder / "bin", *programs, **state)
        self.home = folder / "home"
        self.home.mkdir()
        system = "Windows_NT" if set(WINDOWS) & set(programs) else ""
        self.environment = make_environment(
            self.home, {"PATH": str(self.machine.path), "OS": system}
        )

    def call(self, *arguments: str, status: int = 0) -> str:
        """What `system-proxy` prints, on both its outputs."""
        return self.run(*CLI, "system-proxy", *arguments, status=status)

    def run(self, *command: str, status: int = 0) -> str:
        """What a program prints that ends with this status."""
        ended = subprocess.run(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert "Traceback" not in ended.stdout
        assert ended.returncode == status, ended.stdout
        return ended.stdout

    def leftovers(self) -> list[str]:
        """The files in its home."""
        return sorted(path.name for path in self.home.rglob("*") if path.is_file())


MACHINES: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((*GNOME, *KDE), {"gsettings": {"mode": "'manual'"}, "kde": {"ProxyType": "1"}}),
    (
        MACOS,
        {
            "networksetup": {
                "Wi-Fi": service("http://a/b c", on=True),
                "Thunderbolt-Brücke": service("http://ü/"),
                "Büro": service("http://a/", disabled=True),
            }
        },
    ),
    (WINDOWS, {"reg": {"AutoConfigURL": ["REG_EXPAND_SZ", 'http://a/"%b%"']}}),
]


@pytest.mark.parametrize(("programs", "state"), MACHINES)
def test_on_and_off_leave_everything_as_it_was(
    tmp_path: Path, programs: tuple[str, ...], state: dict[str, Any]
) -> None:
    """Twice on, once off; a second off finds nothing to do."""
    computer = Computer(tmp_path, *programs, **state)
    for _ in range(2):
        assert f"set to {PAC}" in computer.call("on", "--pac", PAC)
    assert computer.machine.state != state
    assert "Büro" not in computer.call("status", status=1)
    assert "put back: " in computer.call("off")
    assert computer.machine.state == state
    assert computer.leftovers() == []
    assert computer.call("off") == "There is nothing to put back.\n"


def test_the_state_is_a_document_too(tmp_path: Path) -> None:
    """A stale setting is an exit status of 1."""
    computer = Computer(tmp_path, *GNOME)
    row = {"desktop": "GNOME", "setting": "off", "pac": None, "ours": False, "answers": None}
    before = {"ok": True, "problem": None, "since": None, "relay": None, "desktops": [row]}
    assert json.loads(computer.call("status", "--json")) == before
    computer.call("on", "--pac", PAC)
    document = json.loads(computer.call("status", "--json", status=1))
    assert document.pop("since")
    row |= {"setting": PAC, "pac": PAC, "ours": True, "answers": False}
    assert document == {"ok": False, "problem": None, "relay": None, "desktops": [row]}


def test_an_unknown_system_is_told_what_to_set_by_hand(tmp_path: Path) -> None:
    """In each program that has a setting of its own."""
    computer = Computer(tmp_path)
    text = computer.call("on", "--pac", PAC, status=1)
    for words in ("Firefox", "Automatic proxy configuration URL", f"--proxy-pac-url={PAC}"):
        assert words in text
    assert "Use setup script" in computer.call("status", status=1)
    assert computer.call("off") == "There is nothing to put back.\n"


def test_a_damaged_snapshot_is_said_in_words(tmp_path: Path) -> None:
    """What is still set is named, as nothing else will put it back."""
    computer = Computer(tmp_path, *GNOME)
    computer.call("on", "--pac", PAC)
    [snapshot] = computer.home.rglob("system-proxy.json")
    snapshot.write_text("{", "utf-8")
    text = computer.call("off", status=1)
    assert "system-proxy.json.damaged" in text
    assert f"GNOME is set to {PAC}" in text
    assert "turn it off in the system's own settings" in computer.call("status", status=1)


def test_a_desktop_that_refuses_is_said(tmp_path: Path) -> None:
    """The other is set, and the exit status tells that not all is."""
    computer = Computer(tmp_path, *GNOME, *KDE, broken={"kwriteconfig6": "disk full"})
    text = computer.call("on", "--pac", PAC, status=1)
    assert "GNOME: set to" in text
    assert "KDE: kwriteconfig6: disk full" in text
    assert "GNOME: put back: off" in computer.call("off")


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[tuple[Computer, Program]]:
    """A computer with a relay that announces itself."""
    computer = Computer(tmp_path, *GNOME, *KDE, gsettings={"mode": "'manual'"})
    command = [sys.executable, "-c", RELAY, str(free_port())]
    program = Program(command, computer.environment, tmp_path / "log")
    program.wait_for("listens")
    yield computer, program
    program.stop()


def test_a_killed_relay_leaves_nothing_once_the_next_starts(
    relay: tuple[Computer, Program],
) -> None:
    """In between the state tells what is wrong, and what to do."""
    computer, program = relay
    before = computer.machine.state
    assert "GNOME: set to http://127.0.0.1:" in computer.call("on")
    assert "answers" in computer.call("status")
    assert computer.run(sys.executable, "-c", RECOVER) == "None\n"
    program.process.kill()
    program.wait()
    text = computer.call("status", status=1)
    assert "KDE points to a relay that does not answer" in text
    assert "iflow-relay system-proxy off" in text
    assert "put back: a proxy set by hand" in computer.run(sys.executable, "-c", RECOVER)
    assert computer.machine.state == before
    computer.call("status")
