"""Other ways to be a proxy: SOCKS, and mitmproxy's own mode with a proxy behind it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Starter, StartRelay, sets
from tests.e2e.handshakes import Talk, ask_for_tunnel, count, echo, unchecked
from tests.e2e.other_proxy import PLAIN, OtherProxy
from tests.e2e.programs import ADDON, Relay, free_port, make_environment, mitmproxy_program
from tests.e2e.servers import Demo, replies, stub
from tests.e2e.site import HELLO, NAME, FileSite
from tests.e2e.wire import Wire, wire

from iflow_relay.demo import KEY

VIRTUAL = "api.openai.com"
MODELS = f"GET /v1/models HTTP/1.1\r\nHost: {VIRTUAL}\r\nConnection: close\r\n\r\n".encode()
FILE = b"GET /hello.txt HTTP/1.0\r\n\r\n"


class Socks(Relay):
    """A relay with a SOCKS listener as well."""

    socks_port: int


@pytest.fixture(scope="module")
def socks(lasting: Starter) -> Socks:
    """One for all tests here."""
    port = free_port()
    relay = lasting.start(*LIKE_IFLOW, arguments=("--mode", f"socks5@127.0.0.1:{port}"))
    relay.socks_port = port  # type: ignore[attr-defined]
    return relay  # type: ignore[return-value]


@contextmanager
def by_socks(relay: Socks, host: str, port: int) -> Iterator[Wire]:
    """A connection that was asked for in SOCKS5 (RFC 1928)."""
    try:
        address = ipaddress.ip_address(host)
        written = (b"\x01" if address.version == 4 else b"\x04") + address.packed
    except ValueError:
        written = b"\x03" + bytes([len(host)]) + host.encode()
    with wire(relay.socks_port) as client:
        client.send(b"\x05\x01\x00")
        assert client.socket.recv(2) == b"\x05\x00"
        client.send(b"\x05\x01\x00" + written + port.to_bytes(2))
        assert client.socket.recv(10)[:2] == b"\x05\x00"
        yield client


def talk(client: Wire, name: str | None) -> Talk:
    """TLS with a client that takes any certificate."""
    return Talk(client.socket, unchecked(), name, socket.socket.sendall)


@pytest.mark.parametrize(
    ("host", "name"),
    [(VIRTUAL, VIRTUAL), (VIRTUAL, None), ("localhost", VIRTUAL), ("127.0.0.1", VIRTUAL)],
)
def test_a_virtual_host_is_the_relays_by_socks(socks: Socks, host: str, name: str | None) -> None:
    """By either name, and nobody is called."""
    with stub(echo) as server, by_socks(socks, host, server.port) as client:
        before = count(socks)
        assert b" 200 OK" in talk(client, name).ask(MODELS)
        assert server.connections == (1 if host == "localhost" else 0)
        assert count(socks)["intercepted"] == before["intercepted"] + 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("name", [NAME, None])
def test_others_are_tunnelled_by_socks(
    socks: Socks, site: FileSite, host: str, name: str | None
) -> None:
    """To their own server."""
    with by_socks(socks, host, site.port) as client:
        assert talk(client, name).ask(FILE).endswith(HELLO.encode())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_may_speak_first_by_socks(socks: Socks, host: str) -> None:
    """And either side may end first."""

    def play(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        echo(connection)

    with stub(play) as server, by_socks(socks, host, server.port) as client:
        assert client.read_until(b"\n") == b"220 hello\r\n"
        client.send(b"bye")
        client.stop_sending()
        assert client.read_until(b"bye") == b"bye"
        assert client.is_closed()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "a..b", "a b", "no-such-host.invalid"])
def test_what_cannot_be_reached_by_socks_is_hung_up_on(socks: Socks, host: str) -> None:
    """Also a name that is none, over which a lookup would fail in another way."""
    with by_socks(socks, host, free_port()) as client:
        client.send(b"hello")
        assert client.is_closed()
    socks.check_it_serves()


@pytest.mark.parametrize("login", [None, "somebody:a-long-secret-password"])
def test_mitmproxys_own_next_proxy_has_a_part_in_everything(
    start_relay: StartRelay, demo: Demo, site: FileSite, login: str | None
) -> None:
    """Tunnels, plain requests and the relay's own calls go on by it, with mitmproxy's login."""
    names = {NAME: site.port, "upstream.test": demo.port}
    proxy = OtherProxy(names, login)
    settings = {"apiKey": KEY, "baseUrl": "http://upstream.test/v1"}
    with stub(proxy) as server:
        port = free_port()
        mode = ("--mode", f"upstream:http://127.0.0.1:{server.port}@127.0.0.1:{port}")
        options = (*LIKE_IFLOW, *([f"upstream_auth={login}"] if login else []))
        relay = start_relay(*options, settings=settings, arguments=mode)
        with wire(port) as client:
            ask_for_tunnel(client, f"{NAME}:443")
            assert talk(client, NAME).ask(FILE).endswith(HELLO.encode())
        with httpx2.Client(
            proxy=f"http://127.0.0.1:{port}", verify=relay.trust(), trust_env=False
        ) as app:
            assert app.get("http://plain.test/").content == PLAIN
            app.base_url = httpx2.URL(f"https://{VIRTUAL}/v1")
            assert chat(app).text == "You said: hello"
            app.base_url = httpx2.URL("http://iflow.internal/v1")
            assert chat(app).text == "You said: hello"
        assert proxy.lines == [
            f"CONNECT {NAME}:443 HTTP/1.1",
            "GET http://plain.test/ HTTP/1.1",
            *["CONNECT upstream.test:80 HTTP/1.1"] * 2,
        ]


def test_mitmproxys_own_login_is_wanted_of_everybody(starter: Starter) -> None:
    """Of those, too, whose requests no hook ever sees."""
    home, port = starter.make_home(), free_port()
    options = (f"confdir={home.parent / 'conf'}", "proxyauth=somebody:a-long-secret-password")
    command = [*mitmproxy_program("mitmdump"), "-s", str(ADDON / "iflow.py"), *sets(options)]
    command += ["--mode", f"regular@127.0.0.1:{port}"]
    # The endpoint would want the login as well, of whoever asks whether it is there.
    relay = Relay(command, make_environment(home), home.parent, port=0, proxy_port=port)
    starter.keep(relay).wait_for("proxy listening at")
    login = "Proxy-Authorization: Basic c29tZWJvZHk6YS1sb25nLXNlY3JldC1wYXNzd29yZA==\r\n"
    with stub(replies(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as server:
        at = f"127.0.0.1:{server.port}"
        for line in (f"GET http://{at}/ HTTP/1.1\r\n", f"CONNECT {at} HTTP/1.1\r\n"):
            for given, status in (
                ("", 407),
                ("Proxy-Authorization: Basic eDp5\r\n", 407),
                (login, 200),
            ):
                with wire(relay.proxy_port) as client:
                    client.send(f"{line}Host: {at}\r\n{given}\r\n".encode())
                    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)
        assert server.connections == 1
