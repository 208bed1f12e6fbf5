"""Who listens on the port, and how the relays that run are."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.programs import free_port
from tests.e2e.servers import Stub, replies, stub
from tests.unit.doctor.reading import statuses

from iflow_relay import __version__
from iflow_relay.doctor import health
from iflow_relay.doctor.health import Who, find_listener
from iflow_relay.doctor.relays import RESTART, check_relays
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.presence import Presence

HEALTH = {"status": "ok", "service": "iflow-relay", "version": __version__, "instance": "one"}


def answer(body: bytes) -> bytes:
    """A body as it is on the wire."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@contextmanager
def relay(**changes: Any) -> Iterator[Stub]:
    """Answers as a relay does."""
    with stub(replies(answer(json.dumps(HEALTH | changes).encode()))) as server:
        yield server


def presence(port: int, *, proxy_only: bool = False) -> Presence:
    """The note of a relay on that port."""
    address = f"http://127.0.0.1:{port}"
    return Presence(1, "one", None if proxy_only else address, address, (), "")


def check(port: int, *running: Presence) -> list[Verdict]:
    """A verdict on the port, and on each relay."""
    return list(check_relays("127.0.0.1", port, lambda: running))


def test_a_free_port_is_fine() -> None:
    """A relay can start there."""
    found = check(free_port())
    assert statuses(found) == [("port", "ok"), ("relay", "skipped")]
    assert found[0].found.endswith(" is free")


def test_a_port_that_a_relay_has_is_fine() -> None:
    """Whether or not it left a note where we look."""
    with relay() as server:
        for notes in ((), (presence(server.port),)):
            found = check(server.port, *notes)
            assert statuses(found) == [("port", "ok"), ("relay", "ok")]
            assert found[1].found == f"http://127.0.0.1:{server.port} answers"


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", answer(b"{}"), answer(b"[" * 9999)])
def test_a_port_that_another_program_has_is_a_failure(said: bytes) -> None:
    """The advice is how to take another."""
    with stub(replies(said)) as server:
        found = check(server.port)
        assert statuses(found) == [("port", "failure"), ("relay", "skipped")]
        assert f"another program listens on 127.0.0.1:{server.port}" in found[0].found
        assert f"--listen 127.0.0.1:{server.port + 1}" in found[0].advice


def test_another_program_does_no_harm_where_a_relay_runs_elsewhere() -> None:
    """It is a warning then."""
    with relay() as ours, stub(replies(answer(b"hello"))) as theirs:
        found = check(theirs.port, presence(ours.port))
    assert statuses(found) == [("port", "warning"), ("relay", "ok")]


def test_one_that_says_nothing_is_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for."""
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert find_listener("127.0.0.1", port).who is Who.STRANGER
    assert find_listener("127.0.0.1", port).who is Who.NOBODY


def test_a_relay_of_another_version_is_a_warning() -> None:
    """It does what that version does."""
    with relay(version="0.0.9") as server:
        found = check(server.port, presence(server.port))
    assert statuses(found)[1] == ("relay", "warning")
    assert f"is version 0.0.9, and this program {__version__}" in found[1].found
    assert found[1].advice == RESTART


def test_a_relay_that_lacks_credentials_is_a_warning() -> None:
    """It answers, with errors."""
    with relay(status="degraded") as server:
        assert statuses(check(server.port))[1] == ("relay", "warning")


def test_a_relay_that_is_only_a_proxy_is_asked_too() -> None:
    """A proxy answers for itself."""
    with relay() as server:
        note = presence(server.port, proxy_only=True)
        assert statuses(check(free_port(), note)) == [("port", "ok"), ("relay", "ok")]


def test_a_relay_that_does_not_answer_is_a_failure() -> None:
    """Its note says that it is there."""
    found = check(free_port(), presence(free_port()))
    assert statuses(found)[1] == ("relay", "failure")
    assert found[1].advice == RESTART


def test_an_address_of_another_machine_is_not_asked() -> None:
    """It may be whose it likes."""
    note = presence(1)._replace(endpoint="http://192.0.2.1:8000")
    assert statuses(check(free_port(), note))[1] == ("relay", "ok")
