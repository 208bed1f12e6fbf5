"""`iflow-relay run` and `env` with real relays: exit codes, two at once, and no trace of any."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.conftest import LIKE_IFLOW, Starter
from tests.e2e.machine import APPS, Machine, Served, app, python, sets
from tests.e2e.programs import CLI, wait_until
from tests.e2e.servers import Demo

from iflow_relay.catalog import BUILTIN

OPENAI = "https://api.openai.com/v1/models"
FIRST = BUILTIN[0].id

ASK_BOTH = """
import json, urllib.request
models = urllib.request.urlopen("https://api.groq.com/v1/models")
print(json.load(models)["data"][0]["id"])
said = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
chat = "https://api.openai.com/v1/chat/completions"
print(json.load(urllib.request.urlopen(chat, json.dumps(said).encode()))["model"])
"""


def listens(relay: dict[str, Any]) -> bool:
    """Whether a relay is there; its process may outlast it until somebody asks for its code."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(relay["proxy"]).port or 0)) == 0


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 15)", 128 + 15),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_the_exit_code_is_the_programs(served: Served, code: str, exit_code: int) -> None:
    """So is all that is printed."""
    ran = served.machine.run(*python(f"print('mine', flush=True); {code}"))
    assert ran == (exit_code, "mine\n", "")


def test_a_command_that_is_not_there_is_127(served: Served) -> None:
    """As with a relay of its own."""
    for words in ((), ("--new",)):
        ran = served.machine.run(*words, "--", "no-such-command")
        assert ran == (127, "", "iflow-relay: no-such-command: command not found\n")


def test_a_relay_that_cannot_start_is_125(machine: Machine) -> None:
    """The reason is told by the relay itself."""
    ran = machine.run("--set", "iflow_timeout=soon", *python("print('never')"))
    assert (ran.code, ran.out) == (125, "")
    assert "iflow_timeout" in ran.err
    assert "Traceback" not in ran.err


def test_two_relays_serve_at_once(served: Served, starter: Starter, tmp_path: Path) -> None:
    """One program uses the relay that runs, another a new one; each is told which it is."""
    go = tmp_path / "go"
    others = [relay["pid"] for relay in served.machine.relays()]
    waiting = [
        starter.keep(served.machine.begin(*CLI, "run", *words, *app("waits", str(go))))
        for words in ((), ("--new",))
    ]
    for program in waiting:
        program.wait_for("}\n")
    told = [json.loads(program.log()) for program in waiting]
    assert [one["relay"] for one in told] == [one["proxy"] for one in told]
    assert told[0]["proxy"] == served.relay.proxy_url
    assert told[1]["proxy"] != served.relay.proxy_url
    assert len(served.machine.relays()) == len(others) + 1
    go.touch()
    assert [program.wait(20) for program in waiting] == [0, 0]
    assert [relay["pid"] for relay in served.machine.relays()] == others


def test_two_first_starts_at_once_make_one_authority(machine: Machine, starter: Starter) -> None:
    """Each program trusts the relay that it meets, though neither was there before."""
    shutil.rmtree(machine.home / ".mitmproxy")
    words = ("run", *sets(LIKE_IFLOW), *app("get", "urllib", OPENAI))
    runs = [starter.keep(machine.begin(*CLI, *words)) for _ in range(2)]
    assert [run.wait(30) for run in runs] == [0, 0], [run.log() for run in runs]
    assert all(FIRST in run.log() for run in runs)


def test_a_relay_of_ones_own_is_nobody_elses(machine: Machine, starter: Starter) -> None:
    """Another `run` and `env` do not use it; it has ended before `run` does."""
    go = machine.folder / "go"
    run = starter.keep(machine.begin(*CLI, "run", *app("waits", str(go))))
    run.wait_for("}\n")
    (private,) = machine.relays()
    assert private["private"]
    assert machine.cli("env").code == 1
    go.touch()
    assert run.wait(20) == 0
    assert not listens(private)


def test_run_that_is_killed_leaves_no_relay(machine: Machine, starter: Starter) -> None:
    """Not even by kill -9; the program itself goes on, and is ended here."""
    run = starter.keep(machine.begin(*CLI, "run", *app("waits", str(machine.folder / "go"))))
    run.wait_for("}\n")
    (private,) = machine.relays()
    run.process.kill()
    run.process.wait()
    wait_until(lambda: not listens(private), "the relay's end")
    wait_until(lambda: machine.relays() == [], "the end of its note")
    (machine.folder / "go").touch()
    run.wait_for("ended")


def test_a_host_and_a_model_are_added(machine: Machine, demo: Demo) -> None:
    """For this program alone, beside the hosts that there are anyhow."""
    words = ("--host", "api.groq.com", "--model", "kimi-k2-0905", *sets(LIKE_IFLOW))
    assert machine.run(*words, *python(ASK_BOTH)).out.split() == [FIRST, "kimi-k2-0905"]
    assert demo.bodies()[-1]["model"] == "kimi-k2-0905"


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no sh to run the lines")
def test_a_shell_is_pointed_at_the_relay_and_back(served: Served) -> None:
    """Its programs are served in between, and its environment is afterwards what it was."""
    relay = f"'{sys.executable}' -m iflow_relay env --shell sh"
    tell = f"'{sys.executable}' -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    get = f"'{sys.executable}' '{APPS / 'get.py'}' urllib {OPENAI}"
    script = f'{tell}; eval "$({relay})"; {get}; eval "$({relay} --unset)"; {tell}'
    ran = served.machine.do("sh", "-c", script, NO_PROXY="a.example")
    before, (body,), after = map(json.loads, ran.out.splitlines())
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(body)["data"][0]["id"] == FIRST
    assert after == before


def test_a_second_relay_needs_ports_of_its_own(served: Served) -> None:
    """One line says which is taken, and how to choose another."""
    ran = served.machine.cli("intercept", "--listen", str(served.relay.port), "--proxy", "0")
    assert (ran.code, ran.out) == (1, "")
    assert str(served.relay.port) in ran.err
    assert len(ran.err.splitlines()) == 1
