"""Relays are found while they run, and only then."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from iflow_relay.presence import Presence, announce, ask_health, find_by_process, find_running


class Answering(BaseHTTPRequestHandler):
    """Answers every GET with its server's health."""

    def do_GET(self) -> None:
        """Say who this is, and what was asked."""
        body = json.dumps({"instance": self.server.name, "asked": self.path}).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


Serve = Callable[[str], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts something that answers `/health` by a name; gives its address."""
    servers: list[HTTPServer] = []

    def start(name: str) -> str:
        server = HTTPServer(("127.0.0.1", 0), Answering)
        server.name = name  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def presence(name: str = "relay-1", endpoint: str | None = None, **values: object) -> Presence:
    """A relay's own word on itself."""
    known = Presence(1, name, endpoint, None, ("api.openai.com",), "/conf")
    return known._replace(**values)  # type: ignore[arg-type]


def test_a_relay_that_runs_is_found(serve: Serve) -> None:
    """With all that it said of itself."""
    relay = presence(endpoint=serve("relay-1"))
    announce(relay)
    assert find_running() == [relay]


def test_the_newest_is_the_first(serve: Serve) -> None:
    """It is the one that somebody has just started."""
    for began, name in ((2.0, "a"), (3.0, "b"), (1.0, "c")):
        announce(presence(name, serve(name), began=began))
    assert [relay.instance for relay in find_running()] == ["b", "a", "c"]


def test_a_relay_that_is_only_a_proxy_is_asked_by_its_own_host(serve: Serve) -> None:
    """A proxy has no path of its own; `iflow.internal` is the relay itself."""
    relay = presence(proxy=serve("relay-1"))
    health = ask_health(relay)
    assert health
    assert health["asked"] == "http://iflow.internal/health"


def test_a_private_relay_is_nobody_elses(serve: Serve) -> None:
    """But its own process finds it."""
    relay = presence(endpoint=serve("relay-1"), private=True, pid=4711)
    announce(relay)
    assert find_running() == []
    assert find_by_process(4711) == relay


def test_a_note_without_a_relay_is_taken_away(dead_pid: int) -> None:
    """Nobody answers there."""
    note = announce(presence(endpoint="http://127.0.0.1:1", pid=dead_pid))
    assert find_running() == []
    assert not note.exists()


def test_a_note_whose_port_is_somebody_elses_is_taken_away(serve: Serve, dead_pid: int) -> None:
    """Another relay answers there by now."""
    note = announce(presence("old", serve("new"), pid=dead_pid))
    assert find_running() == []
    assert not note.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}', "\x00"])
def test_a_note_that_is_none_is_taken_away(text: str, serve: Serve) -> None:
    """And hinders nobody."""
    note = announce(presence(endpoint=serve("relay-1")))
    other = note.with_name("other.json")
    other.write_text(text)
    assert len(find_running()) == 1
    assert not other.exists()


def test_nobody_beyond_this_machine_is_asked() -> None:
    """A note that names another machine is no note of ours."""
    assert ask_health(presence(endpoint="http://192.0.2.1:80")) is None


def test_no_note_no_relay() -> None:
    """Nothing has ever run here."""
    assert find_running() == []
    assert find_by_process(1) is None


def test_the_note_is_for_its_owner_alone(serve: Serve) -> None:
    """Others have no business with what runs here."""
    note = announce(presence(endpoint=serve("relay-1")))
    assert note.parent.stat().st_mode & 0o077 == 0
    assert Path(note).suffix == ".json"
