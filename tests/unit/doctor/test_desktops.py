"""The system's proxy settings as the doctor sees them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.unit.doctor.reading import statuses
from tests.unit.system_proxy.conftest import MakeMachine, make_machine
from tests.unit.system_proxy.machine import GNOME, KDE
from tests.unit.system_proxy.test_state import PAC_FILE, serving

from iflow_relay.doctor.desktops import OFF, check_desktops
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.system_proxy.desktop import SystemProxyError
from iflow_relay.system_proxy.snapshot import Loaded, find_path, load
from iflow_relay.system_proxy.state import Setting, read_settings
from iflow_relay.system_proxy.switch import turn_on

__all__ = ["make_machine"]

GONE = "http://127.0.0.1:9/proxy.pac"


@pytest.fixture
def ended() -> Iterator[int]:
    """The id of a process that was a relay, and is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        yield process.pid


def check() -> list[Verdict]:
    """A verdict on each desktop of the machine."""
    return list(check_desktops(load, read_settings))


def test_a_setting_that_is_off_or_answers_is_fine(make_machine: MakeMachine) -> None:
    """Somebody else's is, too."""
    make_machine(*GNOME, *KDE, kde={"ProxyType": "4"})
    assert statuses(check()) == [("GNOME", "ok"), ("KDE", "ok")]
    with serving(PAC_FILE) as url:
        turn_on(url, None)
        assert [verdict.found for verdict in check()] == [f"{url}, a relay's that answers"] * 2


def test_a_setting_that_leads_nowhere_is_a_failure(make_machine: MakeMachine) -> None:
    """One that is ours is put back by `off`, another by hand."""
    machine = make_machine(*GNOME)
    turn_on(GONE, None)
    [verdict] = check()
    assert verdict == ("GNOME", "failure", f"{GONE} is set, and no relay answers there", OFF)
    find_path().unlink()
    assert "by hand" not in verdict.advice
    [verdict] = check()
    assert verdict.advice == "turn it off in the system's own settings"
    assert machine.state["gsettings"]["autoconfig-url"] == f"'{GONE}'"


def test_what_a_killed_relay_left_is_told_and_left(make_machine: MakeMachine, ended: int) -> None:
    """The setting is the failure; that somebody will put it back is a warning."""
    machine = make_machine(*GNOME)
    turn_on(GONE, ended)
    before = machine.state
    found = check()
    assert statuses(found) == [("snapshot", "warning"), ("GNOME", "failure")]
    assert found[0].advice.startswith(OFF)
    assert machine.state == before


def test_a_damaged_snapshot_is_a_warning(make_machine: MakeMachine) -> None:
    """What was set before is not known any more."""
    make_machine(*GNOME)
    find_path().parent.mkdir(parents=True)
    find_path().write_bytes(b"{")
    assert statuses(check()) == [("system proxy", "warning"), ("GNOME", "ok")]


def test_a_machine_without_desktops_has_nothing_to_look_at(make_machine: MakeMachine) -> None:
    """A server, say."""
    make_machine()
    assert statuses(check()) == [("system proxy", "skipped")]


def test_a_system_that_cannot_be_read_is_a_warning() -> None:
    """In its own words."""

    def refuse(loaded: Loaded) -> list[Setting]:
        raise SystemProxyError("networksetup: no")

    [verdict] = check_desktops(lambda: Loaded(None), refuse)
    assert verdict[:3] == ("system proxy", "warning", "networksetup: no")
