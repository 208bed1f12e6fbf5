"""Programs that do not trust the relay's certificate: they get through to nothing, and hear why."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.asking import chat
from tests.e2e.certificates import Site, make_site
from tests.e2e.conftest import LIKE_IFLOW, Starter
from tests.e2e.handshakes import Talk, count, make_hello, tunnel
from tests.e2e.machine import Machine, sets
from tests.e2e.programs import Relay
from tests.e2e.servers import Demo, Stub, replies, stub

NAME = "api.openai.com"
ASK = f"GET /v1/models HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 418 Original\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
SAID = f"A program did not accept the relay's certificate for {NAME} "


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """What the original host would show."""
    return make_site(tmp_path, NAME)


@pytest.fixture
def original(site: Site) -> Iterator[Stub]:
    """Stands where the name leads."""
    with stub(replies(ANSWER), tls=site.context) as server:
        yield server


def start(starter: Starter, demo: Demo, original: Stub, *options: str) -> Relay:
    """A relay that finds the original there."""
    machine = Machine(starter.make_home(), demo.base_url, {NAME: original.port})
    return starter.keep(machine.intercept(*sets((*LIKE_IFLOW, *options))))


def try_with(relay: Relay, context: ssl.SSLContext, target: str = f"{NAME}:443") -> bytes:
    """What a program with this trust is told."""
    with tunnel(relay, target) as client:
        return Talk(client.socket, context, NAME, socket.socket.sendall).ask(ASK)


def refuse(relay: Relay, site: Site) -> None:
    """Try as a program that trusts the original alone."""
    with pytest.raises(ssl.SSLCertVerificationError):
        try_with(relay, ssl.create_default_context(cafile=site.authority))


def test_it_is_let_through_to_nothing_and_told_once(
    starter: Starter, demo: Demo, site: Site, original: Stub
) -> None:
    """However often it tries; one line names the host and what can be done."""
    relay = start(starter, demo, original)
    before = relay.log()
    for _ in range(4):
        refuse(relay, site)
    relay.wait_for(SAID)
    with relay.intercepted() as client:
        assert client.get("/models").status_code == 200
    said = relay.log()[len(before) :]
    # The other line is that of the call.
    assert (said.count(SAID), said.count("\n")) == (1, 2)
    for word in ("let through to nothing", "iflow-relay ca install", "iflow_pinned=tunnel"):
        assert word in said
    assert original.connections == 0


def test_by_choice_its_next_try_is_tunnelled(
    starter: Starter, demo: Demo, site: Site, original: Stub
) -> None:
    """To the host itself, under whose certificate it speaks; and the line says so."""
    relay = start(starter, demo, original, "iflow_pinned=tunnel")
    refuse(relay, site)
    relay.wait_for(f"From now on its connections go to {NAME} itself")
    assert original.connections == 0
    trust = ssl.create_default_context(cafile=site.authority)
    assert try_with(relay, trust) == ANSWER
    assert try_with(relay, trust, f"127.0.0.1:{original.port}") == ANSWER
    assert original.connections == 2
    assert relay.log().count(SAID) == 1
    assert count(relay) == {"tunnelled": 2, "intercepted": 1}


HELLO = make_hello(NAME)
LEAVING = ((b"", 0), (HELLO[:20], 0), (HELLO, 1), (HELLO[:5] + bytes(len(HELLO)), 1))
"""What a program says before it leaves, and whether it has said enough to be counted."""


def test_a_program_that_only_leaves_has_refused_nothing(
    starter: Starter, demo: Demo, original: Stub
) -> None:
    """Nobody's later requests go to the original host because somebody changed his mind."""
    relay = start(starter, demo, original, "iflow_pinned=tunnel")
    counted = 0
    for said, counts in LEAVING:
        with tunnel(relay, f"{NAME}:443") as client:
            client.send(said)
            if said == HELLO:
                assert client.socket.recv(1)
        counted += counts + 1
        with relay.intercepted() as app:
            assert chat(app).status == 200
        assert count(relay) == {"tunnelled": 0, "intercepted": counted}
    assert SAID not in relay.log()
    assert original.connections == 0
