"""A proxy that listens beyond this machine leads nobody to others without a key of its own."""

from __future__ import annotations

import base64
import socket

import pytest
from tests.e2e.conftest import StartRelay
from tests.e2e.handshakes import echo
from tests.e2e.programs import free_port
from tests.e2e.servers import replies, stub

KEY = "local-0123456789"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


@pytest.fixture
def address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no other address than loopback")
        found: str = probe.getsockname()[0]
    if found.startswith("127."):
        pytest.skip("this machine has no other address than loopback")
    return found


def basic(password: str) -> str:
    """A login at a proxy."""
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


def ask(address: str, port: int, *lines: str) -> socket.socket:
    """A connection on which this was asked."""
    connection = socket.create_connection((address, port), timeout=10)
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return connection


LOGINS = [
    (None, 407),
    ("Basic !", 407),
    (basic("wrong"), 407),
    (f"Digest {KEY}", 407),
    (basic(KEY), 200),
    (f"Bearer {KEY}", 200),
]


@pytest.mark.parametrize(("login", "status"), LOGINS)
def test_a_stranger_needs_a_key(
    start_relay: StartRelay, address: str, login: str | None, status: int
) -> None:
    """For a tunnel and for a plain request; nobody is connected to before."""
    port = free_port()
    relay = start_relay(
        f"iflow_local_keys={KEY}", arguments=("--mode", f"regular@{address}:{port}")
    )
    field = [f"Proxy-Authorization: {login}"] if login else []
    with stub(echo) as server, stub(replies(OK)) as plain:
        host = f"localhost:{server.port}"
        with ask(address, port, f"CONNECT {host} HTTP/1.1", f"Host: {host}", *field) as client:
            assert client.recv(4096).startswith(b"HTTP/1.1 %d " % status)
            if status == 200:
                client.sendall(b"through")
                assert client.recv(4096) == b"through"
        host = f"localhost:{plain.port}"
        with ask(address, port, f"GET http://{host}/ HTTP/1.1", f"Host: {host}", *field) as client:
            assert client.recv(4096).startswith(b"HTTP/1.1 %d " % status)
        assert [server.connections, plain.connections] == [int(status == 200)] * 2
    relay.check_log(secrets=(KEY,))


def test_programs_of_this_machine_need_none(start_relay: StartRelay) -> None:
    """They could connect by themselves."""
    relay = start_relay(f"iflow_local_keys={KEY}")
    with stub(echo) as server:
        host = f"localhost:{server.port}"
        asked = (f"CONNECT {host} HTTP/1.1", f"Host: {host}")
        with ask("127.0.0.1", relay.proxy_port, *asked) as client:
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_stranger_reaches_the_relays_own_host(start_relay: StartRelay, address: str) -> None:
    """Where the key is asked for as on the endpoint."""
    port = free_port()
    start_relay(f"iflow_local_keys={KEY}", arguments=("--mode", f"regular@{address}:{port}"))
    asked = ("GET http://iflow.internal/v1/models HTTP/1.1", "Host: iflow.internal")
    with ask(address, port, *asked) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_socks_leads_a_stranger_nowhere(start_relay: StartRelay, address: str) -> None:
    """There is no place in it for a key."""
    port = free_port()
    start_relay(f"iflow_local_keys={KEY}", arguments=("--mode", f"socks5@{address}:{port}"))
    with stub(echo) as server, socket.create_connection((address, port), timeout=10) as client:
        client.sendall(b"\x05\x01\x00")
        assert client.recv(2) == b"\x05\x00"
        client.sendall(b"\x05\x01\x00\x03\x09localhost" + server.port.to_bytes(2, "big"))
        assert client.recv(1) in (b"", b"\x05")
        assert client.recv(1)[:1] != b"\x00"
        assert server.connections == 0
