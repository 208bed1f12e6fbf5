"""What is not the relay's leaves no trace: no flow, no line, no file."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2
import pytest
from tests.e2e.conftest import Starter, StartRelay
from tests.e2e.handshakes import tunnel
from tests.e2e.machine import Machine
from tests.e2e.programs import HELLO, Relay, free_port
from tests.e2e.servers import make_certificate, replies, stub
from tests.e2e.wire import wire

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Secret: hush-answer\r\n\r\nanswer"
TOKEN = "0123456789abcdef"
SECRETS = ("/secret", "hush-asked", "hush-answer")


def ask_others(relay: Relay, folder: Path) -> None:
    """Plain and through a tunnel, with secrets both ways."""
    public, context = make_certificate(folder)
    rest = b"Host: x\r\nX-Secret: hush-asked\r\n\r\n"
    with stub(replies(ANSWER)) as plain, wire(relay.proxy_port) as client:
        client.send(f"GET http://127.0.0.1:{plain.port}/secret HTTP/1.1\r\n".encode() + rest)
        assert client.read_until(b"\r\n\r\nanswer")
    with (
        stub(replies(ANSWER), tls=context) as server,
        tunnel(relay, f"127.0.0.1:{server.port}") as client,
        ssl.create_default_context(cafile=public).wrap_socket(
            client.socket, server_hostname="127.0.0.1"
        ) as secure,
    ):
        secure.sendall(b"GET /secret HTTP/1.1\r\n" + rest)
        assert secure.recv(1000).startswith(ANSWER[:15])


def test_a_flow_file_holds_the_relays_own_alone(start_relay: StartRelay, tmp_path: Path) -> None:
    """With `-w`, which saves everything that mitmproxy sees."""
    file = tmp_path / "flows"
    relay = start_relay(arguments=("-w", str(file), "--flow-detail", "4"))
    ask_others(relay, tmp_path)
    with relay.intercepted("http://iflow.internal/v1") as client:
        assert client.post("/chat/completions", json=HELLO).status_code == 200
    relay.stop()
    saved = file.read_bytes()
    assert b"chat/completions" in saved
    for secret in SECRETS:
        assert secret.encode() not in saved
        assert secret not in relay.log()


def test_mitmweb_shows_the_relays_own_alone(start_relay: StartRelay, tmp_path: Path) -> None:
    """Its list of flows has the call to the virtual host, and nothing else."""
    port = free_port()
    web = (f"web_port={port}", f"web_password={TOKEN}", "web_open_browser=false")
    relay = start_relay(*web, program="mitmweb")
    ask_others(relay, tmp_path)
    with relay.intercepted("http://iflow.internal/v1") as client:
        assert client.post("/chat/completions", json=HELLO).status_code == 200
    found = httpx2.get(
        f"http://127.0.0.1:{port}/flows",
        headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
    )
    paths = {flow["request"]["path"] for flow in found.json()}
    assert {"/v1/chat/completions"} <= paths <= {"/v1/chat/completions", "/v1/health"}
    assert not any(secret in found.text for secret in SECRETS)


def test_intercept_prints_no_line_for_it(
    starter: Starter, machine: Machine, tmp_path: Path
) -> None:
    """One line for each call of its own, and silence about the rest."""
    relay = starter.keep(machine.intercept())
    before = len(relay.log())
    ask_others(relay, tmp_path)
    assert relay.log()[before:] == ""


@pytest.mark.parametrize("path", ["/secret", "/v1/models"])
def test_a_tunnel_that_fails_says_no_more_than_where_to(relay: Relay, path: str) -> None:
    """What would have gone through it was never seen."""
    before = len(relay.log())
    with wire(relay.proxy_port) as client:
        client.send(f"GET http://127.0.0.1:{free_port()}{path} HTTP/1.1\r\n\r\n".encode())
        assert client.answer("GET").status == 502
    assert path not in relay.log()[before:]
