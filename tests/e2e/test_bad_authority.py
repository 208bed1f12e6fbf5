"""A certificate authority that is no good is said in words at start, where TLS needs one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Starter
from tests.e2e.programs import (
    ADDON,
    CLI,
    Relay,
    free_port,
    make_environment,
    mitmproxy_program,
)
from tests.unit.trust.authorities import lay_down, make_certificate, make_key, render_key


def expired(folder: Path) -> None:
    """One whose time is over."""
    key = make_key()
    lay_down(folder, render_key(key), make_certificate(key, days=(-9, -1)))


def mismatched(folder: Path) -> None:
    """A key beside somebody else's certificate."""
    lay_down(folder, render_key(make_key()), make_certificate(make_key()))


def garbage(folder: Path) -> None:
    """No authority at all."""
    lay_down(folder, b"nothing", b"nothing")


def no_folder(folder: Path) -> None:
    """A file where the folder should be."""
    folder.rmdir()
    folder.write_bytes(b"")


BAD = [expired, mismatched, garbage, no_folder]


def bad_home(starter: Starter, bad: object) -> Path:
    """A home beside such an authority."""
    home = starter.make_home()
    folder = home.parent / "conf"
    shutil.rmtree(folder)
    folder.mkdir()
    bad(folder)  # type: ignore[operator]
    return home


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*command, "--set", f"confdir={home.parent / 'conf'}"],
        env=make_environment(home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("bad", BAD)
def test_intercept_does_not_start(starter: Starter, bad: object) -> None:
    """One line that says what is wrong and what to do, and no traceback."""
    ports = ("--listen", str(free_port()), "--proxy", str(free_port()))
    ended = run(bad_home(starter, bad), *CLI, "intercept", "--demo", *ports)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("Error: ")
    assert "conf" in ended.stderr


@pytest.mark.parametrize("bad", [expired, mismatched])
def test_mitmdump_does_not_start(starter: Starter, bad: object) -> None:
    """The addon says it, and the start ends."""
    script = str(ADDON / "iflow.py")
    mode = f"regular@127.0.0.1:{free_port()}"
    command = [*mitmproxy_program("mitmdump"), "-s", script, "--mode", mode]
    ended = run(bad_home(starter, bad), *command)
    assert ended.returncode == 1
    assert "away and start the relay again" in ended.stdout + ended.stderr


def test_an_endpoint_without_tls_needs_none(starter: Starter) -> None:
    """`serve` has no use for it."""
    home, port = bad_home(starter, expired), free_port()
    command = [*CLI, "serve", "--demo", "--listen", str(port)]
    command += ["--set", f"confdir={home.parent / 'conf'}"]
    relay = starter.keep(Relay(command, make_environment(home), home.parent, port=port))
    assert relay.wait_until_it_answers()
    relay.check_it_serves()
