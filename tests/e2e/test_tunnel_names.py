"""Whose a tunnel is, by the host that was asked for and the name in the ClientHello."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest
from tests.e2e.handshakes import (
    ECH,
    Send,
    Talk,
    count,
    echo,
    in_records,
    make_hello,
    tunnel,
    unchecked,
    with_extension,
)
from tests.e2e.machine import Served
from tests.e2e.programs import wait_until
from tests.e2e.servers import Stub, stub
from tests.e2e.site import HELLO, NAME, FileSite

VIRTUAL = "api.openai.com"
MODELS = b"GET /v1/models HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: iflow.internal\r\nConnection: close\r\n\r\n"
FILE = b"GET /hello.txt HTTP/1.0\r\n\r\n"


@pytest.fixture
def other() -> Iterator[Stub]:
    """Stands at an address, and says what it hears."""
    with stub(echo) as server:
        yield server


def byte_by_byte(connection: socket.socket, data: bytes) -> None:
    """As it comes over a bad line."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(data)):
        connection.sendall(data[at : at + 1])
        if at % 100 == 3:
            time.sleep(0.01)


def with_a_pause(connection: socket.socket, data: bytes) -> None:
    """Longer than the relay waits for clients that say nothing."""
    connection.sendall(data[:1])
    time.sleep(0.6)
    connection.sendall(data[1:])


def record_by_record(connection: socket.socket, data: bytes) -> None:
    """One message in many TLS records."""
    connection.sendall(in_records(data, 40))


WAYS = (socket.socket.sendall, byte_by_byte, with_a_pause, record_by_record)


def ask_relay(served: Served, target: str, name: str | None, send: Send) -> None:
    """Fail unless it is the relay that answers, with its own certificate."""
    authority = served.relay.folder / "conf" / "mitmproxy-ca-cert.pem"
    with tunnel(served.relay, target) as client:
        talk = Talk(client.socket, unchecked(str(authority)), name, send)
        if target.startswith("127."):
            # What the gate had waited for must not come to those behind it.
            time.sleep(0.6)
        assert b'"object":"list"' in talk.ask(MODELS % VIRTUAL.encode()).replace(b" ", b"")


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize(
    ("host", "name"),
    [
        (VIRTUAL, VIRTUAL),
        (VIRTUAL, None),
        (VIRTUAL, NAME),
        ("API.OpenAI.com.", "Api.openai.COM"),
        (NAME, VIRTUAL),
        ("127.0.0.1", VIRTUAL),
    ],
)
def test_one_virtual_name_makes_a_tunnel_the_relays(
    served: Served, site: FileSite, other: Stub, host: str, name: str | None, send: Send
) -> None:
    """However its ClientHello comes; nothing ever connects to an address that goes with it."""
    before = count(served.relay)
    ask_relay(served, f"{host}:{other.port if host == '127.0.0.1' else 443}", name, send)
    assert other.connections == 0
    after = count(served.relay)
    assert after["intercepted"] == before["intercepted"] + 1
    assert after["tunnelled"] == before["tunnelled"]


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize(
    ("host", "name"), [(NAME, NAME), (NAME, None), ("127.0.0.1", NAME), ("127.0.0.1", None)]
)
def test_without_one_it_is_its_servers(
    served: Served, site: FileSite, host: str, name: str | None, send: Send
) -> None:
    """However its ClientHello comes."""
    before = count(served.relay)
    with tunnel(served.relay, f"{host}:{site.port}") as client:
        told = Talk(client.socket, unchecked(), name, send).ask(FILE)
    assert told.endswith(HELLO.encode())
    after = count(served.relay)
    assert after["tunnelled"] == before["tunnelled"] + 1
    assert after["intercepted"] == before["intercepted"]


@pytest.mark.parametrize("name", ["cloudflare-ech.com", None])
def test_an_encrypted_hello_passes_as_it_is(served: Served, other: Stub, name: str | None) -> None:
    """Whom it hides nobody can know; the name that it shows is another's."""
    hello = with_extension(make_hello(name), ECH, os.urandom(200))
    with tunnel(served.relay, f"127.0.0.1:{other.port}") as client:
        client.send(hello)
        told = b""
        while len(told) < len(hello):
            told += client.socket.recv(65536)
    assert told == hello


@pytest.mark.parametrize("host", [VIRTUAL, "127.0.0.1"])
def test_an_encrypted_hello_with_a_virtual_name_is_answered_here(
    served: Served, other: Stub, host: str
) -> None:
    """By what it shows; what it hides is not asked for."""
    with tunnel(served.relay, f"{host}:{other.port}") as client:
        client.send(with_extension(make_hello(VIRTUAL), ECH, os.urandom(200)))
        assert client.socket.recv(3)[:2] == b"\x16\x03"
    assert other.connections == 0


def test_a_virtual_name_is_not_told_to_a_server_that_has_hung_up(served: Served) -> None:
    """It may still be listening."""
    heard: list[bytes] = []

    def play(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_WR)
        heard.append(connection.recv(1000))

    with stub(play) as server, tunnel(served.relay, f"localhost:{server.port}") as client:
        assert client.is_closed()
        client.send(make_hello(VIRTUAL))
        wait_until(lambda: bool(heard), "the end")
    assert heard == [b""]


def test_plain_http_within_a_tunnel_to_a_virtual_host_is_answered_here(served: Served) -> None:
    """As some clients speak to port 80."""
    with tunnel(served.relay, "iflow.internal:80") as client:
        client.send(HEALTH)
        assert client.answer("GET").status == 200


GARBAGE = {
    "no tls": b"\0\1\2\3 hello\r\n\r\n" * 9,
    "no hello": b"\x16\x03\x01\x00\x05garba" * 9,
    "no handshake": b"\x17\x03\x03\x00\x05hello" * 9,
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "half a hello": make_hello(VIRTUAL)[:60],
    "a hello that lies": b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff" * 9,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_for_a_virtual_host_goes_nowhere(served: Served, data: bytes) -> None:
    """It is hung up on, and nobody else hears it."""
    with tunnel(served.relay, f"{VIRTUAL}:443") as client:
        client.send(data)
        client.stop_sending()
        while told := client.socket.recv(1000):
            # An alert, in TLS.
            assert told.startswith(b"\x15\x03")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "half a hello"])
def test_garbage_for_others_passes_as_it_is(
    served: Served, other: Stub, host: str, kind: str
) -> None:
    """It may be a protocol of their own."""
    with tunnel(served.relay, f"{host}:{other.port}") as client:
        client.send(GARBAGE[kind])
        client.stop_sending()
        assert b"".join(iter(lambda: client.socket.recv(65536), b"")) == GARBAGE[kind]


@pytest.mark.parametrize("host", [VIRTUAL, "127.0.0.1", "localhost"])
def test_a_hello_without_end_is_hung_up_on(served: Served, other: Stub, host: str) -> None:
    """It is held until its name is known, so that there is a bound."""
    record = b"\x16\x03\x01\x40\x00" + bytes(0x4000)
    with tunnel(served.relay, f"{host}:{other.port}") as client:
        client.send(b"\x16\x03\x01\x00\x04\x01\xff\xff\xff")
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            client.send(record * 1000)
    assert other.connections == (1 if host == "localhost" else 0)
