"""A proxy that was set before the relay: tunnels, plain requests and its own calls go on by it."""

from __future__ import annotations

import base64
import socket

import httpx2
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import StartRelay
from tests.e2e.handshakes import Talk, tunnel, unchecked
from tests.e2e.other_proxy import PLAIN, OtherProxy
from tests.e2e.programs import Relay, free_port
from tests.e2e.servers import Demo, Stub, stub
from tests.e2e.site import HELLO, NAME, FileSite
from tests.e2e.wire import wire

from iflow_relay.demo import KEY

UPSTREAM = {"apiKey": KEY, "baseUrl": "http://upstream.test/v1", "modelName": "qwen3-coder-plus"}
LOGIN = "somebody:a-long-secret-password"
SHOWN = base64.b64encode(LOGIN.encode()).decode()
GET = b"GET http://plain.test/x HTTP/1.1\r\nHost: plain.test\r\nA:  b\r\n\r\n"


def set_to(server: Stub, login: str | None = None) -> dict[str, str]:
    """What names the proxy to programs."""
    address = f"http://{login + '@' if login else ''}127.0.0.1:{server.port}"
    return {"HTTPS_PROXY": address, "http_proxy": address}


def get_file(relay: Relay, target: str) -> bytes:
    """The site's answer through a tunnel."""
    with tunnel(relay, target) as client:
        talk = Talk(client.socket, unchecked(), NAME, socket.socket.sendall)
        return talk.ask(b"GET /hello.txt HTTP/1.0\r\n\r\n")


def get_plain(relay: Relay) -> tuple[int, bytes]:
    """Status and body of a plain request."""
    with wire(relay.proxy_port) as client:
        client.send(GET)
        answer = client.answer("GET")
        return answer.status, answer.body


@pytest.mark.parametrize("login", [None, LOGIN])
def test_all_goes_on_by_it(
    start_relay: StartRelay, demo: Demo, site: FileSite, login: str | None
) -> None:
    """With its login where it wants one, which nobody else ever sees."""
    names = {NAME: site.port, "[2001:db8::1]": site.port, "upstream.test": demo.port}
    proxy = OtherProxy(names, login)
    with stub(proxy) as server:
        relay = start_relay(settings=UPSTREAM, environment=set_to(server, login))
        assert get_file(relay, f"{NAME}:443").endswith(HELLO.encode())
        assert get_plain(relay) == (200, PLAIN)
        assert get_file(relay, "[2001:db8::1]:443").endswith(HELLO.encode())
        with relay.client() as client, relay.intercepted() as app:
            assert chat(client).text == "You said: hello"
            assert chat(app, stream=True).text == "You said: hello"
        assert proxy.lines[:2] == [
            f"CONNECT {NAME}:443 HTTP/1.1",
            "GET http://plain.test/x HTTP/1.1",
        ]
        assert proxy.lines[2] == "CONNECT [2001:db8::1]:443 HTTP/1.1"
        assert set(proxy.lines[3:]) == {
            "CONNECT upstream.test:80 HTTP/1.1",
            # What the upstream has is learned for the app that means api.openai.com.
            "GET http://upstream.test/v1/models HTTP/1.1",
        }
        assert b"Host: plain.test\r\nA:  b\r\n\r\n" in proxy.heard[1]
        assert "somebody" not in relay.log()
        for secret in (LOGIN, "a-long-secret-password", SHOWN):
            assert secret not in relay.log() + str(demo.requests())


def test_what_goes_direct_still_does(start_relay: StartRelay, site: FileSite) -> None:
    """What NO_PROXY names, and loopback in any case."""
    proxy = OtherProxy({})
    with stub(proxy) as server:
        variables = set_to(server) | {"NO_PROXY": "upstream.test,.direct.invalid"}
        relay = start_relay(environment=variables)
        assert get_file(relay, f"127.0.0.1:{site.port}").endswith(HELLO.encode())
        assert get_file(relay, f"localhost:{site.port}").endswith(HELLO.encode())
        with relay.client() as client:
            assert chat(client).text == "You said: hello"
        with wire(relay.proxy_port) as client:
            client.send(b"CONNECT a.direct.invalid:443 HTTP/1.1\r\n\r\n")
            assert client.answer().status == 502
        assert proxy.heard == []


@pytest.mark.parametrize("refusal", [403, 407, "down"])
def test_a_proxy_that_lets_nothing_through_is_told_as_one(
    start_relay: StartRelay, refusal: int | str
) -> None:
    """To those of a tunnel in words, to those of the API as an error of its own."""
    proxy = OtherProxy({}, refuse=refusal if isinstance(refusal, int) else 0)
    with stub(proxy) as server:
        variables = set_to(server, LOGIN)
        if refusal == "down":
            variables = dict.fromkeys(variables, f"http://{LOGIN}@127.0.0.1:{free_port()}")
        relay = start_relay(settings=UPSTREAM, environment=variables)
        with wire(relay.proxy_port) as client:
            client.send(f"CONNECT {NAME}:443 HTTP/1.1\r\n\r\n".encode())
            told = client.answer()
        assert told.status == 502
        assert f"{NAME}:443 cannot be reached " in told.body.decode()
        assert " by way of the proxy http://127.0.0.1:" in told.body.decode()
        assert ("failed" if refusal == "down" else str(refusal)) in told.body.decode()
        assert get_plain(relay)[0] == (502 if refusal == "down" else refusal)
        with relay.client() as client:
            error = chat(client)
        assert (error.status, error.error["code"]) == (502, "upstream_unreachable")
        assert "a-long-secret-password" not in relay.log() + error.error["message"]


def test_a_proxy_that_is_the_relay_itself_is_none(start_relay: StartRelay, demo: Demo) -> None:
    """As the environment has it that `env` prints: nothing goes round and round."""
    port = free_port()
    variables = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), f"http://127.0.0.1:{port}")
    listener = ("--mode", f"regular@127.0.0.1:{port}")
    relay = start_relay(environment=variables, arguments=listener, settings=UPSTREAM)
    with wire(port) as client:
        client.send(b"CONNECT no-such-host.invalid:443 HTTP/1.1\r\n\r\n")
        assert client.answer().status == 502
    with httpx2.Client(proxy=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.get("http://iflow.internal/health").status_code == 200
    assert get_plain(relay)[0] == 502
    assert relay.log().count("client connect") < 20


def test_a_proxy_that_cannot_stand_behind_is_said_and_not_used(start_relay: StartRelay) -> None:
    """Many have `all_proxy=socks5://…` set for other programs."""
    relay = start_relay(environment={"all_proxy": "socks5://127.0.0.1:7890"})
    relay.check_it_serves()
    relay.wait_for("The proxy in the environment is not used: a socks5:// proxy cannot stand")
