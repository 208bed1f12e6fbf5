"""What is set now: whether it is ours, and whether the relay behind it answers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.unit.system_proxy.conftest import MakeMachine
from tests.unit.system_proxy.machine import GNOME, KDE, MACOS, service

from iflow_relay.system_proxy.snapshot import load
from iflow_relay.system_proxy.state import Setting, is_served, read_settings
from iflow_relay.system_proxy.switch import turn_on

PAC_FILE = b"function FindProxyForURL(url, host) { return 'DIRECT'; }"


@contextlib.contextmanager
def serving(body: bytes, status: int = 200) -> Iterator[str]:
    """The address of a server that has one answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/proxy.pac"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("body", "status", "served"),
    [
        (PAC_FILE, 200, True),
        (PAC_FILE, 404, False),
        (b"<html>", 200, False),
        (b"", 200, False),
    ],
)
def test_a_relay_answers_with_a_pac_file(body: bytes, status: int, served: bool) -> None:
    """Another program that took its port does not."""
    with serving(body, status) as url:
        assert is_served(url) is served
    assert is_served(url) is False


@pytest.mark.parametrize("url", ["http://pac.example.com/proxy.pac", "file:///proxy.pac", "x"])
def test_nobody_else_is_asked(url: str) -> None:
    """It is no relay's address, and may be on another machine."""
    assert is_served(url) is None


def test_each_desktop_says_what_is_set_and_whose_it_is(make_machine: MakeMachine) -> None:
    """A setting of somebody else's is not ours, and not stale."""
    machine = make_machine(*GNOME, *KDE)
    with serving(PAC_FILE) as url:
        turn_on(url, None)
        theirs = "http://pac.example.com/x.pac"
        machine.change(kde={"ProxyType": "2", "Proxy Config Script": theirs})
        gnome, kde = read_settings(load())
        assert gnome == Setting("GNOME", url, url, is_ours=True, answers=True)
        assert kde == Setting("KDE", theirs, theirs)
        assert not gnome.is_stale
    gnome, kde = read_settings(load())
    assert gnome.is_stale
    assert not kde.is_stale


def test_a_stale_address_is_known_without_a_snapshot(make_machine: MakeMachine) -> None:
    """A relay's address where nobody answers harms, whoever set it."""
    url = "http://127.0.0.1:9/proxy.pac"
    make_machine(*GNOME, gsettings={"mode": "'auto'", "autoconfig-url": f"'{url}'"})
    [gnome] = read_settings(load())
    assert gnome == Setting("GNOME", url, url, is_ours=False, answers=False)


def test_a_desktop_that_cannot_be_read_says_why(make_machine: MakeMachine) -> None:
    """The others are told all the same."""
    make_machine(*GNOME, *KDE, broken={"kreadconfig6": "no such file"})
    assert read_settings(load()) == [
        Setting("GNOME", "off"),
        Setting("KDE", "kreadconfig6: no such file"),
    ]


def test_a_disabled_service_is_shown_where_it_is_still_ours(make_machine: MakeMachine) -> None:
    """Else it has no say."""
    machine = make_machine(*MACOS, networksetup={"Dock": service(None, disabled=True)})
    assert read_settings(load()) == []
    machine.set(networksetup={"Dock": service(None)})
    turn_on("http://127.0.0.1:9/other.pac", None)
    machine.set(
        networksetup={"Dock": service("http://127.0.0.1:9/other.pac", on=True, disabled=True)}
    )
    assert [setting.is_ours for setting in read_settings(load())] == [True]
