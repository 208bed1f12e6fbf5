"""Tunnels: everything but the virtual hosts goes through as if nobody stood between."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.handshakes import ask_for_tunnel, count, echo, tunnel, unchecked
from tests.e2e.programs import Relay, free_port, wait_until
from tests.e2e.servers import make_certificate, stub
from tests.e2e.wire import wire

HOSTS = ("localhost", "127.0.0.1")
"""A name is connected to at once, an address only when its client has said something."""

BIG = os.urandom(4 << 20)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side stops."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_thousand_clients_each_meet_the_server_itself(relay: Relay, tmp_path: Path) -> None:
    """Its certificate, and its bytes, every time; and all of them are counted."""
    public, context = make_certificate(tmp_path)
    own = ssl.PEM_cert_to_DER_cert(public.read_text())
    trust = unchecked(str(public))
    before = count(relay)
    with stub(echo, tls=context) as server:

        def meet(number: int) -> bool:
            sent = os.urandom(3000)
            name = None if number % 2 else f"n{number}.invalid"
            with (
                tunnel(relay, f"{HOSTS[number % 2]}:{server.port}") as client,
                trust.wrap_socket(client.socket, server_hostname=name) as secure,
            ):
                secure.sendall(sent)
                told = b""
                while len(told) < len(sent):
                    told += secure.recv(65536)
                return told == sent and secure.getpeercert(binary_form=True) == own

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(meet, range(1000)))
        assert server.connections == 1000
    after = count(relay)
    assert after["tunnelled"] - before["tunnelled"] == 1000
    assert after["intercepted"] == before["intercepted"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_may_speak_first(relay: Relay, host: str) -> None:
    """As those of mail do; what then comes is nobody's business."""

    def play(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        echo(connection)

    with stub(play) as server, tunnel(relay, f"{host}:{server.port}") as client:
        assert client.read_until(b"\n") == b"220 hello\r\n"
        client.send(b"EHLO a\r\n")
        assert client.read_until(b"\n") == b"EHLO a\r\n"
        client.stop_sending()
        assert client.is_closed()


def greet_and_listen(connection: socket.socket) -> None:
    """Says that it has no more to say, and then what it heard."""
    connection.sendall(b"220 hello\r\n" + str(len(read_all(connection))).encode())


def listen_and_answer(connection: socket.socket) -> None:
    """Hears all before it says a word."""
    connection.sendall(str(len(read_all(connection))).encode())


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_that_has_said_all_still_listens(relay: Relay, host: str) -> None:
    """Half of a connection may end before the other begins."""
    with stub(listen_and_answer) as server, tunnel(relay, f"{host}:{server.port}") as client:
        client.send(BIG)
        client.stop_sending()
        assert read_all(client.socket) == str(len(BIG)).encode()


def test_a_client_that_says_nothing_still_listens(relay: Relay) -> None:
    """To a named server it need not say anything at all."""
    before = count(relay)
    with stub(greet_and_listen) as server, tunnel(relay, f"localhost:{server.port}") as client:
        client.stop_sending()
        assert read_all(client.socket) == b"220 hello\r\n0"
    assert count(relay)["tunnelled"] == before["tunnelled"] + 1


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("first", [b"hello", b""], ids=["speaks", "is silent"])
def test_a_server_that_has_said_all_still_listens(relay: Relay, host: str, first: bytes) -> None:
    """The other half goes on."""
    heard: list[bytes] = []

    def play(connection: socket.socket) -> None:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        heard.append(read_all(connection))

    with stub(play) as server, tunnel(relay, f"{host}:{server.port}") as client:
        client.send(first)
        assert read_all(client.socket) == b"bye"
        client.send(BIG)
        client.stop_sending()
        wait_until(lambda: bool(heard), "all that was sent")
    assert heard == [first + BIG]


def test_much_goes_both_ways_at_once(relay: Relay) -> None:
    """Neither direction waits for the other, and not a byte changes."""
    other = BIG[::-1]
    heard: list[bytes] = []

    def play(connection: socket.socket) -> None:
        talking = threading.Thread(target=send_and_stop, args=[connection, other])
        talking.start()
        heard.append(read_all(connection))
        talking.join()

    with stub(play) as server, tunnel(relay, f"127.0.0.1:{server.port}") as client:
        talking = threading.Thread(target=send_and_stop, args=[client.socket, BIG])
        talking.start()
        assert read_all(client.socket) == other
        talking.join()
        wait_until(lambda: bool(heard), "the end")
    assert heard == [BIG]


def send_and_stop(connection: socket.socket, data: bytes) -> None:
    """All of it, and then no more."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", ["before it speaks", "after", "in the middle", "with a reset"])
def test_a_client_that_leaves_is_left_by_the_server(relay: Relay, leave: str) -> None:
    """No connection of the relay's own stays behind."""
    ended = threading.Event()

    def play(connection: socket.socket) -> None:
        try:
            if leave == "in the middle":
                while True:
                    connection.sendall(BIG)
            read_all(connection)
        finally:
            ended.set()

    with stub(play) as server:
        with tunnel(relay, f"localhost:{server.port}") as client:
            if leave != "before it speaks":
                client.send(b"hello")
            if leave == "in the middle":
                assert client.socket.recv(10)
            if leave == "with a reset":
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" * 2)
        assert ended.wait(10)


def test_a_server_that_cannot_be_reached_is_told_as_one(relay: Relay) -> None:
    """In plain words, and the client may ask for another on the same connection."""
    port = free_port()
    with stub(echo) as server, wire(relay.proxy_port) as client:
        for target in (f"localhost:{port}", f"no-such-host.invalid:{port}"):
            client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            answer = client.answer()
            assert answer.status == 502
            assert answer.body.decode().startswith(f"{target} cannot be reached: ")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        ask_for_tunnel(client, f"localhost:{server.port}")
        client.send(b"hello")
        assert client.read_until(b"hello") == b"hello"


def test_an_address_that_cannot_be_reached_ends_the_tunnel(relay: Relay) -> None:
    """Its client has been let in to say whom it means, and is hung up on."""
    with tunnel(relay, f"127.0.0.1:{free_port()}") as client:
        client.send(b"hello")
        assert client.is_closed()


@pytest.mark.parametrize(
    "target", ["a..b:443", f"{'a' * 64}.invalid:443", "[::1:443", "a:70000", "a b:443", ":443", ""]
)
def test_a_target_that_is_none_is_refused(relay: Relay, target: str) -> None:
    """It is nobody's address, so nobody waits for it."""
    with wire(relay.proxy_port) as client:
        client.send(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.answer().status in (400, 502)
    relay.check_it_serves()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("end", [lambda _: None, lambda c: c.sendall(b"no")], ids=["", "a word"])
def test_a_server_that_hangs_up_is_heard(
    relay: Relay, host: str, end: Callable[[socket.socket], None]
) -> None:
    """Its last word, and that it has gone."""
    with stub(end) as server, tunnel(relay, f"{host}:{server.port}") as client:
        assert read_all(client.socket) in (b"", b"no")
