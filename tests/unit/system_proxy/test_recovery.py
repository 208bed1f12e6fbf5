"""A relay that ends, or is killed, leaves no system proxy behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.unit.system_proxy.conftest import MakeMachine
from tests.unit.system_proxy.machine import GNOME, KDE, Machine

from iflow_relay.system_proxy.owner import Owner
from iflow_relay.system_proxy.snapshot import find_path, load, save
from iflow_relay.system_proxy.switch import recover, restore_if_owned, turn_on

PAC = "http://127.0.0.1:8000/proxy.pac"


@pytest.fixture
def machine(make_machine: MakeMachine) -> Machine:
    """GNOME and KDE, set to something."""
    return make_machine(*GNOME, *KDE, gsettings={"mode": "'manual'"}, kde={"ProxyType": "4"})


@pytest.fixture
def relay() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a relay."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_what_a_killed_relay_left_is_put_back(
    machine: Machine, relay: subprocess.Popen[bytes]
) -> None:
    """By the next start, which says so in one line; the one after that has nothing to say."""
    before = machine.state
    turn_on(PAC, relay.pid)
    assert recover() is None
    assert machine.state != before
    relay.kill()
    relay.wait()
    assert recover() == (
        "System proxy, left by a relay that was killed: "
        "GNOME put back: a proxy set by hand; KDE put back: from the environment"
    )
    assert machine.state == before
    assert not find_path().exists()
    assert recover() is None


def test_a_relay_that_ends_puts_back_what_is_its_own(
    machine: Machine, relay: subprocess.Popen[bytes]
) -> None:
    """Not what was set for another one."""
    before = machine.state
    turn_on(PAC, relay.pid)
    assert restore_if_owned(os.getpid()) is None
    assert machine.state != before
    line = restore_if_owned(relay.pid)
    assert line
    assert line.startswith("System proxy, set for this relay: GNOME put back")
    assert machine.state == before


def test_a_relay_that_is_gone_before_it_was_written_down_is_recovered_from(
    machine: Machine, relay: subprocess.Popen[bytes]
) -> None:
    """It was there when its address was asked for."""
    before = machine.state
    relay.kill()
    relay.wait()
    turn_on(PAC, relay.pid)
    assert recover()
    assert machine.state == before


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc to tell them apart")
def test_another_program_with_the_relays_id_is_no_relay(machine: Machine) -> None:
    """Process ids are used again."""
    before = machine.state
    turn_on(PAC, os.getpid())
    snapshot = load().snapshot
    assert snapshot
    save(snapshot._replace(owner=Owner(pid=os.getpid(), began="earlier 1")))
    assert restore_if_owned(os.getpid()) is None
    assert recover()
    assert machine.state == before


def test_what_belongs_to_no_relay_stays(machine: Machine) -> None:
    """Whoever gave an address of their own wants it to outlive relays."""
    turn_on(PAC, None)
    after = machine.state
    assert recover() is None
    assert restore_if_owned(os.getpid()) is None
    assert machine.state == after


def test_what_fails_is_said_and_tried_again(
    machine: Machine, relay: subprocess.Popen[bytes]
) -> None:
    """A start goes on whatever happens here."""
    before = machine.state
    turn_on(PAC, relay.pid)
    relay.kill()
    relay.wait()
    machine.change(broken={"gsettings": "no display"})
    assert recover() == (
        "System proxy, left by a relay that was killed: "
        "GNOME gsettings: no display; KDE put back: from the environment"
    )
    machine.change(broken={})
    assert recover()
    assert machine.state == {**before, "broken": {}}


def test_a_damaged_snapshot_is_said_once(machine: Machine) -> None:
    """It does not stop a start, nor an end."""
    for call in (recover, lambda: restore_if_owned(os.getpid())):
        find_path().parent.mkdir(parents=True, exist_ok=True)
        find_path().write_bytes(b"{")
        assert "is damaged" in (call() or "")
        assert call() is None


def test_a_file_that_cannot_be_moved_is_said(machine: Machine) -> None:
    """No exception comes out of it."""
    find_path().with_name("system-proxy.json.damaged").mkdir(parents=True)
    find_path().write_bytes(b"{")
    assert (recover() or "").startswith("The system proxy cannot be put back: ")
