"""`iflow-relay replay`: a recorded session again, byte for byte, with nobody to ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.machine import HERE, Machine, app, python
from tests.e2e.programs import ADDON, CLI, CLIENT_KEY
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY

ISOLATED = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Runs a command that has no network but its own loopback."""

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"

ASK = """
import openai
client = openai.OpenAI(max_retries=0)
for text in {texts!r}:
    try:
        said = [{{"role": "user", "content": text}}]
        answer = client.chat.completions.create(model="gpt-4o", messages=said, {more})
        print(answer.choices[0].message.content)
    except openai.APIStatusError as error:
        print(error.status_code, error.body)
"""


def can_isolate() -> bool:
    """Whether this system lets us have a network of our own."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*ISOLATED, "true"], capture_output=True, timeout=20).returncode == 0


def ask(*texts: str, more: str = "") -> tuple[str, ...]:
    """A program that asks these, one after the other."""
    return tuple(python(ASK.format(texts=texts, more=more)))


@pytest.fixture
def recording(machine: Machine) -> Path:
    """Where the test records; no credentials are there."""
    machine.settings.unlink()
    return machine.folder / "session.mitm"


def record(machine: Machine, path: Path, *words: str) -> str:
    """Record a session with the embedded upstream, which ends with it; what the program printed."""
    ran = machine.cli("record", str(path), "--demo", *words)
    assert ran.code == 0, ran
    return ran.out


@pytest.mark.skipif(not can_isolate(), reason="no network namespace may be made here")
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_session_is_the_same_with_the_network_cut_off(
    machine: Machine, recording: Path, demo: Demo, way: str
) -> None:
    """All that the SDK makes of answers, streams, tool calls, errors and lists."""
    told = record(machine, recording, *app("session", way))
    assert len(told.splitlines()) > 40
    isolated = machine.do(*ISOLATED, *CLI, "replay", str(recording), *app("session", way))
    assert isolated == (0, told, "")
    assert CLIENT_KEY not in told
    cut = machine.do(*ISOLATED, *python(CONNECT, str(demo.port))[1:])
    assert cut.code == 1
    assert "Connection" in cut.err or "unreachable" in cut.err


def test_nothing_is_connected_to_but_the_relay(
    machine: Machine, recording: Path, demo: Demo
) -> None:
    """Program and relay would both be ended by the first attempt, as a third program is."""
    told = record(machine, recording, *app("session", "sync"))
    path = os.pathsep.join(map(str, (ADDON, HERE / "fenced")))
    fence = {"PYTHONPATH": path, "FORBIDDEN": str(demo.port)}
    replayed = machine.cli(
        "replay", str(recording), "--speed", "0", *app("session", "sync"), **fence
    )
    assert replayed == (0, told, "")
    fenced = machine.do(*python(CONNECT, str(demo.port))[1:], **fence)
    assert (fenced.code, fenced.out) == (86, "")
    assert "FENCED" in fenced.err


def test_settings_that_are_there_are_not_looked_at(machine: Machine, recording: Path) -> None:
    """Not even ones that are no JSON, nor a base URL that is nobody's."""
    told = record(machine, recording, *ask("a", "b"))
    machine.settings.write_text("{")
    environment = {"IFLOW_BASE_URL": "http://127.0.0.1:9/v1", "IFLOW_API_KEY": KEY}
    again = machine.cli("replay", str(recording), "--speed", "0", *ask("a", "b"), **environment)
    assert again == (0, told, "")


def test_the_exit_code_is_the_programs(machine: Machine, recording: Path) -> None:
    """And 127 is that of a program that is not there."""
    recording.write_bytes(b"")
    assert machine.cli("replay", str(recording), *python("raise SystemExit(7)")).code == 7
    assert machine.cli("replay", str(recording), "--", "no-such-command").code == 127


def test_what_was_not_recorded_is_explained(machine: Machine, recording: Path) -> None:
    """By the nearest request and the first difference, in OpenAI's shape and without a key."""
    record(machine, recording, *ask("Hello", "Bye"))
    ran = machine.cli(
        "replay", str(recording), *ask(f"Hallo {KEY}", "Bye", more="extra_body={'api_key': 'hush'}")
    )
    first, second = ran.out.splitlines()
    assert first.startswith("404 ")
    assert "'type': 'not_found_error', 'param': None, 'code': 'not_recorded'" in first
    assert "api_key: two values that are not shown" in second
    ran = machine.cli("replay", str(recording), *ask(f"Hallo {KEY}"))
    assert 'messages[0].content: recorded "Hello", asked "Hallo sk-…"' in ran.out
    assert "The nearest of 2 is POST /v1/chat/completions" in ran.out
    assert "hush" not in first + second


def test_a_list_of_models_that_was_not_recorded_is_not_made_up(
    machine: Machine, recording: Path
) -> None:
    """Nor is any other path; what the relay says of itself goes on being said."""
    recording.write_bytes(b"")
    code = """
import json, os, urllib.error, urllib.request
told = {}
for path in ("/v1/models", "/v1/models/gpt-4o", "/v1/embeddings", "/health", "/proxy.pac"):
    try:
        told[path] = urllib.request.urlopen("https://api.openai.com" + path).status
    except urllib.error.HTTPError as error:
        told[path] = json.load(error)["error"]["code"]
told["page"] = urllib.request.urlopen(os.environ["HTTPS_PROXY"] + "/").status
print(json.dumps(told))
"""
    ran = machine.cli("replay", str(recording), *python(code), NO_PROXY="127.0.0.1")
    assert ran.code == 0, ran
    assert json.loads(ran.out) == {
        "/v1/models": "not_recorded",
        "/v1/models/gpt-4o": "not_recorded",
        "/v1/embeddings": "not_recorded",
        "/health": 200,
        "/proxy.pac": 200,
        "page": 200,
    }


def test_a_last_call_that_is_torn_is_left_out(machine: Machine, recording: Path) -> None:
    """The calls before it are answered."""
    told = record(machine, recording, *ask("a", "b"))
    recording.write_bytes(recording.read_bytes()[:-100])
    ran = machine.cli("replay", str(recording), *ask("a", "b"))
    assert ran.out.splitlines()[0] == told.splitlines()[0]
    assert "not_recorded" in ran.out.splitlines()[1]
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("data", [b"no flow file", b"12:", b"4:true!", b"0:}", b"\xff" * 100])
def test_what_is_no_recording_is_said_at_the_start(
    machine: Machine, recording: Path, data: bytes
) -> None:
    """In one line, and the program does not run."""
    recording.write_bytes(data)
    ran = machine.cli("replay", str(recording), *python("print('never')"))
    assert (ran.code, ran.out) == (125, "")
    assert "session.mitm is no recording" in ran.err
    assert "Traceback" not in ran.err


def test_replay_needs_a_file_and_a_command(machine: Machine, recording: Path) -> None:
    """Each is asked for by name."""
    assert "does not exist" in machine.cli("replay", "none.mitm", "--", "true").err
    recording.write_bytes(b"")
    ran = machine.cli("replay", str(recording))
    assert ran.code == 2
    assert "iflow-relay replay session.mitm -- python app.py" in ran.err
    for speed in ("-1", "inf", "nan", "fast"):
        ran = machine.cli("replay", str(recording), "--speed", speed, *python("print('never')"))
        assert ran.code != 0
        assert ran.out == ""
        assert "Traceback" not in ran.err
