"""`iflow-relay system-proxy`: which address it takes, and for which relay."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from tests.unit.system_proxy.conftest import MakeMachine
from tests.unit.system_proxy.machine import GNOME, Machine

from iflow_relay import presence
from iflow_relay.cli import main
from iflow_relay.presence import Presence
from iflow_relay.system_proxy.snapshot import load

Running = Callable[..., None]


@pytest.fixture
def machine(make_machine: MakeMachine) -> Machine:
    """GNOME, with nothing set."""
    return make_machine(*GNOME)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    """Makes relays run: their endpoints, with process ids from this one's on."""

    def run(*endpoints: str | None, proxy: str | None = "http://127.0.0.1:8080") -> None:
        relays = [
            Presence(os.getpid() + number, str(number), endpoint, proxy, (), "")
            for number, endpoint in enumerate(endpoints)
        ]
        monkeypatch.setattr(presence, "find_running", lambda: relays)

    run()
    return run


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["system-proxy", *arguments])


def owner() -> int | None:
    """The relay that the snapshot belongs to."""
    snapshot = load().snapshot
    assert snapshot
    return snapshot.owner.pid if snapshot.owner else None


def test_without_a_relay_it_says_what_to_start(machine: Machine, running: Running) -> None:
    """Nothing is changed."""
    result = call("on")
    assert result.exit_code == 1
    assert result.output == (
        "Error: No relay is running: start `iflow-relay intercept` first, or give --pac URL\n"
    )
    assert machine.state == {"gsettings": {}}


def test_a_relay_without_a_proxy_is_not_enough(machine: Machine, running: Running) -> None:
    """There is nothing to send the browser to."""
    running("http://127.0.0.1:8000", proxy=None)
    result = call("on")
    assert result.exit_code == 1
    assert "has no proxy: start `iflow-relay intercept`" in result.output


def test_the_newest_relays_address_is_set_for_it(machine: Machine, running: Running) -> None:
    """One that has no endpoint has no PAC address."""
    running(None, "http://127.0.0.1:9001", "http://127.0.0.1:8000")
    result = call("on")
    assert result.exit_code == 0
    assert "GNOME: set to http://127.0.0.1:9001/proxy.pac" in result.output
    assert machine.state["gsettings"]["autoconfig-url"] == "'http://127.0.0.1:9001/proxy.pac'"
    assert owner() == os.getpid() + 1


@pytest.mark.parametrize(
    ("pac", "place"),
    [
        ("http://127.0.0.1:8000/proxy.pac", 1),
        ("http://localhost:8000/proxy.pac", 1),
        ("http://127.0.0.1:8001/proxy.pac", None),
        ("http://127.0.0.1/proxy.pac", None),
    ],
)
def test_an_address_of_ones_own_belongs_to_the_relay_that_serves_it(
    machine: Machine, running: Running, pac: str, place: int | None
) -> None:
    """Whatever it calls this machine; the end of another relay does not take it away."""
    running("http://127.0.0.1:9001", "http://127.0.0.1:8000")
    assert call("on", "--pac", pac).exit_code == 0
    assert owner() == (None if place is None else os.getpid() + place)


@pytest.mark.parametrize("pac", ["", "ftp://127.0.0.1/x", "http://192.0.2.1/proxy.pac"])
def test_an_address_that_leads_elsewhere_is_refused(
    machine: Machine, running: Running, pac: str
) -> None:
    """Nothing is changed."""
    result = call("on", "--pac", pac)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert machine.state == {"gsettings": {}}


def test_it_may_lead_elsewhere_where_that_is_meant(machine: Machine, running: Running) -> None:
    """And is put back like any other."""
    assert call("on", "--yes", "--pac", "http://192.0.2.1/proxy.pac").exit_code == 0
    assert machine.state["gsettings"]["autoconfig-url"] == "'http://192.0.2.1/proxy.pac'"
    assert call("off").exit_code == 0
    assert machine.state == {"gsettings": {}}
