"""A relay that a program has started for itself ends with that program, whenever that is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx2
import pytest
from tests.e2e.conftest import Starter
from tests.e2e.programs import CLI, Relay, free_port, make_environment, wait_until


def begin(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start one as `run` does."""
    command = [*CLI, "intercept", "--private", "--demo", *words]
    command += ["--set", f"confdir={home.parent / 'conf'}"]
    return subprocess.Popen(
        command,
        env=make_environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def home(starter: Starter) -> Path:
    """Where it lives."""
    return starter.make_home()


def test_it_says_one_line_and_ends_with_its_stdin(home: Path) -> None:
    """Its notes are gone then."""
    relay = begin(home)
    assert relay.stdout
    document = json.loads(relay.stdout.readline())
    assert document["pid"] == relay.pid
    assert document["proxy"] == document["endpoint"]
    assert document["web"] is None
    out, _ = relay.communicate(timeout=20)
    assert (out, relay.returncode) == (b"", 0)
    assert list(home.rglob("running/*")) == []


def test_a_starter_that_dies_early_leaves_no_relay(home: Path) -> None:
    """Nobody reads its line, nobody holds its stdin."""
    relay = begin(home)
    for pipe in (relay.stdin, relay.stdout):
        assert pipe
        pipe.close()
    assert relay.wait(20) == 0


def test_its_conversations_can_be_shown(home: Path) -> None:
    """At the address that it names, and to nobody who lacks the token in it."""
    relay = begin(home, "--web")
    assert relay.stdout
    document = json.loads(relay.stdout.readline())
    address, _, token = document["web"].partition("?token=")
    with httpx2.Client(trust_env=False, follow_redirects=True) as browser:
        wait_until(lambda: answers(browser, address), "mitmweb")
        assert browser.get(f"{address}flows").status_code == 403
        assert browser.get(f"{address}flows", params={"token": token}).json() == []
    relay.communicate(timeout=20)
    assert relay.returncode == 0


def answers(client: httpx2.Client, address: str) -> bool:
    """Whether somebody listens there."""
    try:
        client.get(address)
    except httpx2.TransportError:
        return False
    return True


def test_options_of_mitmwebs_own_are_let_through(starter: Starter) -> None:
    """And an option that nobody has is refused."""
    home, port = starter.make_home(), free_port()
    command = [*CLI, "intercept", "--demo", "--web", "--listen", str(port), "--proxy"]
    command += [str(free_port()), "--set", f"confdir={home.parent / 'conf'}"]
    command += ["--set", f"web_port={free_port()}", "--set", "web_open_browser=false"]
    relay = starter.keep(Relay(command, make_environment(home), home.parent, port=port))
    assert relay.wait_until_it_answers()
    ended = subprocess.run(
        [*CLI, "intercept", "--set", "iflow_hots=x"],
        env=make_environment(home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "iflow_hots" in ended.stderr
