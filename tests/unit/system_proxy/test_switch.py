"""On and off: what was there is put back exactly, and what somebody else set stays."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.system_proxy.conftest import MakeMachine
from tests.unit.system_proxy.machine import GNOME, KDE, MACOS, WINDOWS, Machine, service

from iflow_relay.system_proxy.snapshot import SnapshotError, find_path, load
from iflow_relay.system_proxy.switch import AS_IT_WAS, Outcome, Report, turn_off, turn_on

PAC = "http://127.0.0.1:8000/proxy.pac"
OTHER = "http://127.0.0.1:9000/proxy.pac"
MANUAL = {"mode": "'manual'", "autoconfig-url": '"http://it\'s/täglich"'}


@pytest.fixture
def both(make_machine: MakeMachine) -> Machine:
    """GNOME and KDE on one machine, each with settings of its own."""
    return make_machine(*GNOME, *KDE, gsettings=MANUAL, kde={"ProxyType": "1"})


@pytest.mark.parametrize(
    ("programs", "state", "names"),
    [
        (GNOME, {"gsettings": {}}, ["GNOME"]),
        ((*GNOME, *KDE), {"gsettings": MANUAL, "kde": {"ProxyType": "1"}}, ["GNOME", "KDE"]),
        (WINDOWS, {"reg": {"AutoConfigURL": ["REG_SZ", "http://a/b c"]}}, ["Windows"]),
        (
            MACOS,
            {
                "networksetup": {
                    "Wi-Fi": service("http://a/b", on=True),
                    "Thunderbolt-Brücke": service("http://ü/", disabled=True),
                    "Büro 2": service("http://a/b"),
                }
            },
            ["macOS: Büro 2", "macOS: Wi-Fi"],
        ),
    ],
)
def test_everything_in_use_is_set_and_put_back(
    make_machine: MakeMachine, programs: tuple[str, ...], state: dict[str, Any], names: list[str]
) -> None:
    """Nothing is left, on the desktops and in the file."""
    machine = make_machine(*programs, **state)
    report = turn_on(PAC, None)
    assert report == Report(tuple(Outcome(name, True, f"set to {PAC}") for name in names))
    assert machine.state != state
    report = turn_off()
    assert report.is_good
    assert [outcome.desktop for outcome in report.outcomes] == names
    assert machine.state == state
    assert not find_path().exists()
    assert turn_off() == Report()


def test_nothing_is_changed_before_it_is_written_down(both: Machine) -> None:
    """A snapshot that cannot be written leaves the desktops alone."""
    before = both.state
    find_path().parent.parent.mkdir(parents=True, exist_ok=True)
    find_path().parent.write_bytes(b"")
    with pytest.raises(SnapshotError, match="cannot be written"):
        turn_on(PAC, None)
    assert both.state == before


def test_on_again_keeps_what_was_there_first(both: Machine) -> None:
    """Our own address, this one or that of an earlier relay, is nothing to put back."""
    before = both.state
    for url in (PAC, PAC, OTHER, PAC):
        assert turn_on(url, None).is_good
    loaded = load().snapshot
    assert loaded
    assert loaded.url == PAC
    assert loaded.desktops["GNOME"].urls == (OTHER, PAC)
    assert turn_off().is_good
    assert both.state == before


def test_a_crash_before_the_second_write_leaves_nothing_behind(both: Machine) -> None:
    """The snapshot names the new address while the desktops have the old one."""
    before = both.state
    turn_on(PAC, None)
    after = both.state
    turn_on(OTHER, None)
    both.set(**after)
    assert turn_off().is_good
    assert both.state == before


@pytest.mark.parametrize(
    "reached",
    [
        {"gsettings": MANUAL},
        {"gsettings": {"mode": "'manual'", "autoconfig-url": f"'{PAC}'"}},
        {"gsettings": {"mode": "'auto'", "autoconfig-url": f"'{PAC}'"}},
    ],
)
def test_a_crash_at_any_step_is_made_good(both: Machine, reached: dict[str, Any]) -> None:
    """Address and mode are two writes, to set as to put back."""
    before = both.state
    turn_on(PAC, None)
    both.change(**reached)
    assert turn_off().is_good
    assert both.state == before


def test_what_somebody_changed_in_between_stays(both: Machine) -> None:
    """It is said, and forgotten."""
    turn_on(PAC, None)
    theirs = {"mode": "'auto'", "autoconfig-url": "'http://proxy.example.com/x.pac'"}
    both.change(gsettings=theirs)
    report = turn_off()
    assert report.is_good
    assert [outcome.text for outcome in report.outcomes] == [
        "left alone, as it was changed in the meantime: http://proxy.example.com/x.pac",
        "put back: a proxy set by hand",
    ]
    assert both.state == {"gsettings": theirs, "kde": {"ProxyType": "1"}}
    assert not find_path().exists()


def test_what_somebody_turned_off_stays_off(both: Machine) -> None:
    """Only the address, which is still ours, becomes what it was."""
    turn_on(PAC, None)
    both.change(gsettings={"autoconfig-url": f"'{PAC}'"}, kde={})
    turn_off()
    assert both.state == {"gsettings": {"autoconfig-url": MANUAL["autoconfig-url"]}, "kde": {}}


def test_on_after_a_change_puts_that_change_back(both: Machine) -> None:
    """What counts is what was there before our address."""
    turn_on(PAC, None)
    both.change(kde={"ProxyType": "3"}, gsettings={"mode": "'manual'"})
    turn_on(OTHER, None)
    turn_off()
    assert both.state == {"gsettings": {"mode": "'manual'"}, "kde": {"ProxyType": "3"}}


def test_what_was_put_back_by_hand_is_as_it_was(both: Machine) -> None:
    """There is nothing to do, and nothing to say."""
    before = both.state
    turn_on(PAC, None)
    both.set(**before)
    assert {outcome.text for outcome in turn_off().outcomes} == {AS_IT_WAS}
    assert not find_path().exists()


def test_one_desktop_that_refuses_does_not_stop_the_other(both: Machine) -> None:
    """It was not changed, so that there is nothing to put back."""
    both.change(broken={"kwriteconfig6": "read-only file system"})
    gnome, kde = turn_on(PAC, None).outcomes
    assert gnome.done
    assert kde == Outcome("KDE", False, "kwriteconfig6: read-only file system")
    loaded = load().snapshot
    assert loaded
    assert list(loaded.desktops) == ["GNOME"]


def test_one_that_cannot_be_read_is_not_changed(both: Machine) -> None:
    """What is not known could not be put back."""
    both.change(broken={"kreadconfig6": "no such display"})
    kde, gnome = turn_on(PAC, None).outcomes
    assert kde == Outcome("KDE", False, "kreadconfig6: no such display")
    assert gnome.done
    assert both.state["kde"] == {"ProxyType": "1"}


def test_a_setting_that_does_not_take_is_no_success(make_machine: MakeMachine) -> None:
    """Without a message bus gsettings changes nothing, and reports that all is well."""
    make_machine(*GNOME, gsettings={"deaf": True})
    report = turn_on(PAC, None)
    assert not report.is_good
    assert "the setting did not take (off)" in report.outcomes[0].text
    assert not find_path().exists()


def test_what_cannot_be_put_back_stays_in_the_snapshot(both: Machine) -> None:
    """The next `off` tries again."""
    before = both.state
    turn_on(PAC, None)
    both.change(broken={"kwriteconfig6": "read-only file system"})
    gnome, kde = turn_off().outcomes
    assert (gnome.done, kde.done) == (True, False)
    loaded = load().snapshot
    assert loaded
    assert list(loaded.desktops) == ["KDE"]
    both.change(broken={})
    assert turn_off().is_good
    assert both.state == {**before, "broken": {}}


def test_a_desktop_whose_programs_are_gone_stays_in_the_snapshot(both: Machine) -> None:
    """They may only not be on this PATH."""
    turn_on(PAC, None)
    (both.path / "kwriteconfig6").rename(both.path / "elsewhere")
    assert turn_off().outcomes[1] == Outcome(
        "KDE", False, "its programs are not here, so that it stays as it is"
    )
    (both.path / "elsewhere").rename(both.path / "kwriteconfig6")
    assert turn_off().is_good


def test_a_network_service_that_is_gone_is_forgotten(make_machine: MakeMachine) -> None:
    """One that was disabled in the meantime is put back all the same."""
    machine = make_machine(
        *MACOS, networksetup={"Dock": service(None), "Wi-Fi": service("http://a/", on=True)}
    )
    turn_on(PAC, None)
    machine.set(networksetup={"Wi-Fi": service(PAC, on=True, disabled=True)})
    assert turn_off() == Report(
        (
            Outcome("macOS: Dock", True, "is no longer there"),
            Outcome("macOS: Wi-Fi", True, "put back: http://a/"),
        )
    )
    assert machine.state["networksetup"]["Wi-Fi"] == service("http://a/", on=True, disabled=True)
    assert not find_path().exists()


def test_a_machine_without_desktops_is_left_as_it_is(make_machine: MakeMachine) -> None:
    """No outcome, no file."""
    make_machine()
    assert turn_on(PAC, None) == turn_off() == Report()
    assert not find_path().exists()


def test_a_damaged_snapshot_is_said_and_does_not_stop_anything(both: Machine) -> None:
    """What was there before it is not known any more; what is there now is."""
    find_path().parent.mkdir(parents=True)
    find_path().write_bytes(b"{")
    report = turn_off()
    assert not report.is_good
    assert report.outcomes == ()
    find_path().write_bytes(b"{")
    report = turn_on(PAC, None)
    assert "is damaged" in (report.problem or "")
    assert all(outcome.done for outcome in report.outcomes)
    assert turn_off().is_good
