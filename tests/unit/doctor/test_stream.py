"""Streams through a relay that only stands in for one, in every pace."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.servers import read_request, stub

from iflow_relay.doctor import stream
from iflow_relay.doctor.ending import Ending
from iflow_relay.doctor.stream import EVENTS, GAP, HELD, Arrivals, at_home_in, check_stream, judge
from iflow_relay.doctor.verdict import Verdict

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
EVENT = b'data: {"choices":[{"delta":{"content":"one "}}]}\n\n'

STAND_IN = """
import json, sys
print(json.dumps({"endpoint": sys.argv[1], "proxy": "http://127.0.0.1:1", "confdir": "x"}))
sys.stdout.flush()
sys.stdin.read()
open("ended", "w").close()
"""

Play = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in leaves a note when it ends."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(play: Play) -> Verdict:
    """What is found of a relay that answers so."""

    def answer(connection: socket.socket) -> None:
        if read_request(connection):
            play(connection)

    return run(answer)


def run(answer: Play) -> Verdict:
    """What is found of a relay whose connections go so."""
    with stub(answer) as server:
        command = (sys.executable, "-c", STAND_IN, f"http://127.0.0.1:{server.port}")
        return start(*command)


def start(*command: str) -> Verdict:
    """What is found of a relay that is started so."""
    with Ending() as ending:
        [verdict] = check_stream(os.environ, Path(), ending, command)
    return verdict


def only(data: bytes) -> Play:
    """Says this, and then nothing for as long as somebody waits."""

    def play(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.recv(1)

    return play


at_once = only(HEAD + ROLE + EVENT * EVENTS)


def test_the_relay_is_ended_whatever_happens(folder: Path) -> None:
    """And it was asked for a stream that stops."""
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        at_once(connection)

    run(answer)
    body = json.loads(asked[0].partition(b"\r\n\r\n")[2])
    assert body["stream"] is True
    assert body["model"] == f"demo:words={EVENTS},pause={GAP},silence={EVENTS}"
    assert (folder / "ended").exists()


def test_a_stream_that_is_held_back_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end never comes, and so neither does the rest."""
    monkeypatch.setattr(stream, "PATIENCE", 0.3)
    held = check(only(HEAD))
    assert (str(held.status), held.advice) == ("failure", HELD)
    assert "nothing of it arrived" in held.found
    part = check(only(HEAD + ROLE + EVENT * 2))
    assert f"2 of {EVENTS} events arrived: no more came" in part.found


def test_a_stream_in_bursts_is_a_warning() -> None:
    """All of it came, and yet not as it was sent."""
    burst = check(at_once)
    assert (str(burst.status), burst.advice) == ("warning", HELD)
    assert burst.found.endswith(": in bursts")


def test_a_stream_that_ends_too_soon_or_is_none_is_a_failure() -> None:
    """With what came of it."""
    assert "the stream ended too soon" in check(lambda c: c.sendall(HEAD + EVENT)).found
    refused = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    assert "the relay answered 500" in check(lambda c: c.sendall(refused)).found
    assert str(check(lambda c: c.sendall(b"hello\r\n\r\n")).status) == "failure"


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "print('hello')", "import time; print('{}', flush=True)"]
)
def test_a_relay_that_does_not_start_is_a_failure(code: str) -> None:
    """Why stands on stderr, and `serve` says it again."""
    verdict = start(sys.executable, "-c", code)
    assert str(verdict.status) == "failure"
    assert verdict.advice == "`iflow-relay serve --demo` shows why"


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ((0.1, 0.15, 0.2, 0.25, 0.3, 0.35), "ok"),
        ((9.1, 9.15, 9.2, 9.25, 9.3, 9.35), "ok"),
        ((0.1, 0.9, 1.7, 2.5, 3.3, 4.1), "ok"),
        ((0.35,) * 6, "warning"),
        ((0.25, 0.25, 0.25, 0.35, 0.35, 0.35), "warning"),
    ],
)
def test_the_pace_is_compared_with_the_upstreams(times: tuple[float, ...], status: str) -> None:
    """A slow machine is no fault; what was spread and comes at once is one."""
    assert str(judge(Arrivals(times), sent=6, gap=0.05).status) == status


def test_the_relay_has_a_home_of_its_own(folder: Path) -> None:
    """It finds no settings, leaves no notes, and makes its authority there."""
    environ = at_home_in(folder, {"HOME": "/x", "XDG_STATE_HOME": "/y", "PATH": "/bin"})
    assert {environ["HOME"], environ["XDG_STATE_HOME"], environ["LOCALAPPDATA"]} == {str(folder)}
    assert environ["PATH"] == "/bin"
    assert str(folder) not in environ["PYTHONUSERBASE"]
