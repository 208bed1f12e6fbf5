"""Each desktop's settings: read, set, put back exactly, through the desktop's own programs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from tests.unit.system_proxy.conftest import MakeMachine
from tests.unit.system_proxy.machine import GNOME, KDE, KDE5, MACOS, WINDOWS, service

from iflow_relay.system_proxy import gnome, kde, macos, programs, windows
from iflow_relay.system_proxy.desktop import Desktop, Values
from iflow_relay.system_proxy.here import find_desktops
from iflow_relay.system_proxy.programs import ProgramFailed

PAC = "http://127.0.0.1:8000/proxy.pac"
CORPORATE = "http://pac.example.com/täglich?a='b c'&d=\"e\""


def find_here() -> list[Desktop]:
    return find_desktops(os.environ)


SETTINGS = [
    (GNOME, {"gsettings": {}}, ["off"]),
    (GNOME, {"gsettings": {"mode": "'manual'"}}, ["a proxy set by hand"]),
    (GNOME, {"gsettings": {"mode": "'auto'"}}, ["automatic, no address"]),
    (GNOME, {"gsettings": {"mode": "'auto'", "autoconfig-url": "'http://a/b'"}}, ["http://a/b"]),
    (GNOME, {"gsettings": {"autoconfig-url": f"'{CORPORATE}'"}}, ["off"]),
    (KDE, {"kde": {}}, ["off"]),
    (KDE5, {"kde": {"ProxyType": "1", "Proxy Config Script": ""}}, ["a proxy set by hand"]),
    (KDE, {"kde": {"ProxyType": "2", "Proxy Config Script": CORPORATE}}, [CORPORATE]),
    (KDE, {"kde": {"ProxyType": "4", "Proxy Config Script": " x "}}, ["from the environment"]),
    (KDE, {"kde": {"ProxyType": "9"}}, ["ProxyType 9"]),
    (
        MACOS,
        {
            "networksetup": {
                "Wi-Fi": service("http://a/b c"),
                "Thunderbolt-Brücke": service(CORPORATE, on=True),
                "Büro (VPN) 'x'": service("http://a/b", on=True),
            }
        },
        ["http://a/b", CORPORATE, "no automatic proxy"],
    ),
    (WINDOWS, {"reg": {}}, ["no setup script"]),
    (WINDOWS, {"reg": {"ProxyEnable": ["REG_DWORD", "0x0"]}}, ["no setup script"]),
    (WINDOWS, {"reg": {"AutoConfigURL": ["REG_EXPAND_SZ", CORPORATE]}}, [CORPORATE]),
    (WINDOWS, {"reg": {"AutoConfigURL": ["REG_SZ", ""]}}, ["no setup script"]),
    (WINDOWS, {"reg": {"AutoConfigURL2": ["REG_SZ", "x"]}}, ["no setup script"]),
    ((*GNOME, *KDE), {"gsettings": {}, "kde": {"ProxyType": "3"}}, ["off", kde.WORDS["3"]]),
]


@pytest.mark.parametrize(("programs", "state", "words"), SETTINGS)
def test_what_is_set_is_put_back_exactly(
    make_machine: MakeMachine, programs: tuple[str, ...], state: dict[str, Any], words: list[str]
) -> None:
    """Also what was not set at all, and whatever letters it is written with."""
    machine = make_machine(*programs, **state)
    desktops = find_here()
    before = [desktop.read() for desktop in desktops]
    assert [d.describe(values) for d, values in zip(desktops, before, strict=True)] == words
    for desktop in desktops:
        desktop.write(PAC)
        values = desktop.read()
        assert values == desktop.wanted(PAC)
        assert desktop.describe(values) == desktop.pac(values) == PAC
    for desktop, values in zip(desktops, before, strict=True):
        desktop.restore(values)
    assert machine.state == state


def test_putting_back_what_is_there_changes_nothing(make_machine: MakeMachine) -> None:
    """A crash in the middle of it is made good by doing it again."""
    machine = make_machine(*GNOME, *KDE, gsettings={"mode": "'auto'"}, kde={"ProxyType": "1"})
    before = machine.state
    for desktop in find_here():
        desktop.restore(desktop.read())
    assert machine.state == before


def test_a_mac_service_without_an_address_gets_a_blank_one(make_machine: MakeMachine) -> None:
    """networksetup takes no address away: a blank one that is off reads like none."""
    machine = make_machine(*MACOS, networksetup={"Wi-Fi": service(None)})
    [wifi] = find_here()
    before = wifi.read()
    wifi.write(PAC)
    wifi.restore(before)
    assert machine.state["networksetup"] == {"Wi-Fi": service(" ")}
    assert wifi.read() == before == {"URL": None, "Enabled": "No"}


def test_a_disabled_service_of_a_mac_is_not_in_use(make_machine: MakeMachine) -> None:
    """The first line of the list is an explanation, and an asterisk no letter of a name."""
    make_machine(
        *MACOS,
        networksetup={"Wi-Fi": service(None), "Thunderbolt-Brücke": service(None, disabled=True)},
    )
    assert [(desktop.name, desktop.in_use) for desktop in find_here()] == [
        ("macOS: Thunderbolt-Brücke", False),
        ("macOS: Wi-Fi", True),
    ]


def test_the_address_is_set_before_it_is_used(make_machine: MakeMachine) -> None:
    """No program ever sees automatic configuration without an address; KDE's hear of it last."""
    machine = make_machine(*GNOME, *KDE)
    desktops = find_here()
    machine.calls()
    for desktop in desktops:
        desktop.write(PAC)
    place = ["--file", "kioslaverc", "--group", "Proxy Settings", "--key"]
    assert machine.calls() == [
        ["gsettings", "set", "org.gnome.system.proxy", "autoconfig-url", f"'{PAC}'"],
        ["gsettings", "set", "org.gnome.system.proxy", "mode", "'auto'"],
        ["kwriteconfig6", *place, "Proxy Config Script", "--", PAC],
        ["kwriteconfig6", *place, "ProxyType", "--", "2"],
        [*kde.RELOAD],
    ]


@pytest.mark.parametrize(
    ("environ", "installed", "names"),
    [
        ({}, {}, []),
        ({}, {"gsettings"}, ["gnome"]),
        ({}, {"gsettings", "networksetup"}, ["macos"]),
        ({}, {*KDE, "gsettings"}, ["gnome", "kde"]),
        ({}, {*KDE5}, ["kde"]),
        ({}, {"kreadconfig6", "kwriteconfig5"}, []),
        ({}, {"reg"}, []),
        ({"OS": "Windows_NT"}, {"reg"}, ["windows"]),
    ],
)
def test_a_desktop_is_known_by_its_programs(
    environ: dict[str, str], installed: set[str], names: list[str]
) -> None:
    """More than one may be here; a program that only has the same name is none."""

    def which(name: str) -> str | None:
        return name if name in installed else None

    found = [module for module in (gnome, kde, macos, windows) if module.is_here(environ, which)]
    assert [module.__name__.rpartition(".")[2] for module in found] == names


def test_the_newer_of_two_plasmas_is_asked(make_machine: MakeMachine) -> None:
    """Both keep their settings in one file."""
    machine = make_machine(*KDE, *KDE5)
    find_here()[0].read()
    assert {call[0] for call in machine.calls()} == {"kreadconfig6"}


def test_gsettings_without_the_schema_is_no_gnome(make_machine: MakeMachine) -> None:
    """The program comes with GLib, the settings with the desktop."""
    make_machine(*GNOME, gsettings={"absent": True})
    assert find_here() == []


def test_a_message_bus_that_is_not_there_harms_nothing(make_machine: MakeMachine) -> None:
    """Programs that start later read the file."""
    machine = make_machine(*KDE, broken={"dbus-send": "Failed to open connection"})
    find_here()[0].write(PAC)
    assert machine.state["kde"]["Proxy Config Script"] == PAC


@pytest.mark.parametrize(
    ("programs", "broken", "said"),
    [
        (KDE, {"kreadconfig6": "no\nfile"}, "kreadconfig6: no file"),
        (WINDOWS, {"reg": "ERROR: Access is denied."}, "reg: ERROR: Access is denied."),
    ],
)
def test_a_program_that_refuses_is_quoted(
    make_machine: MakeMachine, programs: tuple[str, ...], broken: dict[str, str], said: str
) -> None:
    """With its own words, in one line."""
    make_machine(*programs, broken=broken)
    with pytest.raises(ProgramFailed, match=f"^{said}$"):
        find_here()[0].read()


def test_a_service_that_is_gone_is_said(make_machine: MakeMachine) -> None:
    """networksetup complains where others print."""
    machine = make_machine(*MACOS, networksetup={"Wi-Fi": service(None)})
    [wifi] = find_here()
    machine.set(networksetup={})
    with pytest.raises(ProgramFailed, match="Wi-Fi is not a recognized network service"):
        wifi.read()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("exit 3", "exit status 3"),
        ("printf '\\374'", "is not UTF-8"),
        ("sleep 60", "did not end within"),
    ],
)
def test_a_program_that_misbehaves_is_no_traceback(
    make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    """It says nothing, or what nobody could give back to it, or does not end."""
    monkeypatch.setattr(programs, "PATIENCE", 0.5)
    machine = make_machine("odd")
    (machine.path / "odd").write_text(
        f"#!/bin/sh\nPATH=/bin:/usr/bin\nexec {source}\n"
        if source.startswith("sleep")
        else f"#!/bin/sh\n{source}\n"
    )
    with pytest.raises(ProgramFailed, match=said):
        programs.run(["odd"])
    with pytest.raises(ProgramFailed, match="absent cannot be run: No such file"):
        programs.run(["absent"])


def test_the_values_are_what_a_snapshot_can_hold(make_machine: MakeMachine) -> None:
    """Texts as the programs print them, or nothing."""
    make_machine(*GNOME, *KDE)
    values: list[Values] = [desktop.read() for desktop in find_here()]
    assert values == [
        {"mode": "'none'", "autoconfig-url": "''"},
        {"ProxyType": None, "Proxy Config Script": None},
    ]
