"""A relay that a program has started for itself ends with that program, whenever that is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Starter
from tests.e2e.programs import CLI, make_environment


def begin(home: Path) -> subprocess.Popen[bytes]:
    """Start one as `run` does."""
    command = [*CLI, "intercept", "--private", "--demo", "--set", f"confdir={home.parent / 'conf'}"]
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
