"""A fault of the relay's own, wherever it strikes: the request goes to nobody at all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from tests.e2e.conftest import LIKE_IFLOW, Starter, make_machine
from tests.e2e.machine import Machine, Sinkhole, app, sets
from tests.e2e.programs import HELLO, Relay
from tests.e2e.servers import Demo
from tests.e2e.site import FileSite

APPS_KEY = "sk-app-0123456789"
IN_HOOKS = (
    *("RelayConnect.client_connected", "RelayConnect.tls_clienthello"),
    *("RelayConnect._with_own_http", "RelayConnect._is_ours"),
    *("RelayRoute.requestheaders", "RelayRoute.request", "RelayRoute._admit", "route.aim"),
    *("RelayReplay.request", "RelayAgents.request", "RelayMetrics.request"),
    *("RelayAnswer.responseheaders", "RelayAnswer.response", "Relay.end"),
)
IN_LAYERS = ("Relay.claim", "Relay.decide", "Relay.wire")

BREAKS = f"""
import pathlib
from iflow_relay.mitm import route
from iflow_relay.mitm.agents import RelayAgents
from iflow_relay.mitm.answer import RelayAnswer
from iflow_relay.mitm.connect import RelayConnect
from iflow_relay.mitm.metering import RelayMetrics
from iflow_relay.mitm.relay import Relay
from iflow_relay.mitm.replaying import RelayReplay
from iflow_relay.mitm.route import RelayRoute

def make_breakable(place):
    owner, name = place.split(".")
    whole = getattr(globals()[owner], name)
    def breakable(*arguments, **named):
        if pathlib.Path(__file__).with_name("broken").read_text() == place:
            raise RuntimeError("a fault of our own")
        return whole(*arguments, **named)
    setattr(globals()[owner], name, breakable)

for place in {IN_HOOKS + IN_LAYERS}:
    make_breakable(place)
"""
"""For mitmproxy's -s: each of these places fails while the file `broken` names it."""


class Breakable(NamedTuple):
    """A home whose relay can be broken in one place."""

    machine: Machine
    relay: Relay
    broken: Path


@pytest.fixture(scope="module")
def common_breakable(
    lasting: Starter, demo: Demo, common_sinkhole: Sinkhole, site: FileSite
) -> Breakable:
    """The relay of all tests here."""
    machine = make_machine(lasting, demo, common_sinkhole, site)
    script, broken = machine.folder / "breaks.py", machine.folder / "broken"
    script.write_text(BREAKS)
    broken.write_text("")
    relay = machine.intercept(*sets(LIKE_IFLOW), "--", "-s", str(script))
    relay.never_says = ()
    return Breakable(machine, lasting.keep(relay), broken)


@pytest.fixture
def breakable(common_breakable: Breakable, sinkhole: Sinkhole, demo: Demo) -> Breakable:
    """The same, in order; nobody may call the original host."""
    demo.clear()
    common_breakable.broken.write_text("")
    return common_breakable


def ask(relay: Relay, scheme: str, http2: bool) -> str:
    """Call a virtual host; what came of it."""
    with relay.intercepted(f"{scheme}://api.openai.com/v1", http2=http2) as client:
        # mitmproxy leaves a connection open in whose layers something has failed.
        client.timeout = 0.5
        try:
            sent = {"Authorization": f"Bearer {APPS_KEY}"}
            return client.post("/chat/completions", json=HELLO, headers=sent).text
        except httpx2.TransportError as error:
            return repr(error)


@pytest.mark.parametrize("place", IN_HOOKS + IN_LAYERS)
def test_a_fault_sends_nothing_to_the_original_host(
    breakable: Breakable, demo: Demo, place: str
) -> None:
    """Over HTTP and HTTPS, HTTP/1.1 and HTTP/2; afterwards the relay serves on."""
    breakable.broken.write_text(place)
    told = [ask(breakable.relay, *how) for how in (("http", False), ("https", False))]
    told.append(ask(breakable.relay, "https", True))
    breakable.broken.write_text("")
    assert "a fault of our own" in breakable.relay.log()
    assert APPS_KEY not in str(demo.requests())
    assert not any("api.openai.com" in text for text in told), told
    breakable.relay.check_it_serves()


def test_an_app_is_told_of_a_hook_that_fails(breakable: Breakable, demo: Demo) -> None:
    """As an error of the server's; nothing has left the machine."""
    breakable.broken.write_text("route.aim")
    told = breakable.machine.run(*app("sdk", "chat", "stream", "http2")).told
    assert told["chat"] == told["stream"] == ["InternalServerError", 500, "internal_error"]
    assert demo.requests() == []
