"""Plain requests for other hosts: they pass byte for byte, and nobody takes note of them."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.handshakes import count, echo
from tests.e2e.programs import Relay, free_port
from tests.e2e.servers import Stub, read_request, stub
from tests.e2e.wire import wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Script:
    """A server that reads up to a mark and then says something, step by step."""

    def __init__(self, *steps: tuple[bytes, bytes]) -> None:
        self._steps = steps
        self.heard: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        for mark, answer in self._steps:
            data = b""
            while not data.endswith(mark):
                piece = connection.recv(65536)
                if not piece:
                    break
                data += piece
            self.heard.append(data)
            connection.sendall(answer)


def url(server: Stub, path: str = "/") -> bytes:
    """What a client asks the proxy for."""
    return f"http://127.0.0.1:{server.port}{path}".encode()


@contextmanager
def asked(relay: Relay, server: Stub, method: bytes, rest: bytes) -> Iterator[socket.socket]:
    """A client's connection that has sent a request; `rest` is what follows its line."""
    with wire(relay.proxy_port) as client:
        client.send(method + b" " + url(server, "/a//b?c=%2e%2e&d") + b" HTTP/1.1\r\n" + rest)
        yield client.socket


def read(connection: socket.socket, length: int) -> bytes:
    """That many bytes, or what comes until the end."""
    data = b""
    while len(data) < length and (piece := connection.recv(length - len(data))):
        data += piece
    return data


REQUESTS = {
    "odd fields": (
        b"hOsT:127.0.0.1\r\nX-Same:  1 \r\nx-same:\t2\r\nX-Folded: a\r\n  b\r\nSpace : x\r\n"
        b"Latin: \xe4\r\nAccept-Encoding: br;q=0.1\r\nCookie: a=b\r\nAuthorization: Bearer\r\n\r\n"
    ),
    "bare line feeds": b"Host: 127.0.0.1\nX: y\n\n",
    "a length": b"Content-Length: 6\r\n\r\n\0\xff\r\n\r\n",
    "chunks": (
        b'Transfer-Encoding: Chunked\r\n\r\n3;a="b";c\r\na\r\n\r\n2 \r\n\0\xff\r\n'
        b"0;last\r\nTrailer: x\r\n\r\n"
    ),
    "a hint at protocols": b"HTTP2-Settings: x\r\nTE: trailers\r\nVia: 1.1 x\r\n\r\n",
}


@pytest.mark.parametrize("method", [b"GET", b"POST", b"BREW"])
@pytest.mark.parametrize("rest", REQUESTS.values(), ids=REQUESTS)
def test_a_request_passes_byte_for_byte(relay: Relay, method: bytes, rest: bytes) -> None:
    """But for its first line, which says where to."""
    script = Script((rest, OK + b"ok"))
    with stub(script) as server, asked(relay, server, method, rest) as client:
        assert read(client, len(OK) + 2) == OK + b"ok"
    assert script.heard == [method + b" /a//b?c=%2e%2e&d HTTP/1.1\r\n" + rest]


ZIPPED = gzip.compress(b"hello" * 1000)

ANSWERS = {
    "odd fields": b"HTTP/1.1 200\r\ncontent-LENGTH:2\r\nSet-Cookie: a\r\nset-cookie:  b \r\n\r\nok",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000,
    "of old": b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nok",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nT:\r\n\r\n",
    "zipped": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + ZIPPED,
    "on the way": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"ok",
    "none at all": b"\xff\0 hello\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_passes_byte_for_byte(relay: Relay, answer: bytes) -> None:
    """Whether or not anybody could read it."""
    script = Script((b"\r\n\r\n", answer))
    with stub(script) as server, asked(relay, server, b"GET", b"Host: x\r\n\r\n") as client:
        assert read(client, len(answer) + 1) == answer


def test_a_body_waits_until_it_is_asked_for(relay: Relay) -> None:
    """`Expect: 100-continue` is between the two of them."""
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    script = Script((b"\r\n\r\n", go_on), (b"hello", OK + b"ok"))
    head = b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with stub(script) as server, asked(relay, server, b"PUT", head) as client:
        assert read(client, len(go_on)) == go_on
        client.sendall(b"hello")
        assert read(client, len(OK) + 2) == OK + b"ok"
    assert script.heard[0].endswith(head)
    assert script.heard[1] == b"hello"


def test_a_client_that_has_asked_and_hung_up_half_way_is_answered(relay: Relay) -> None:
    """As the simplest of clients do."""
    script = Script((b"\r\n\r\n", b""), (b"never", OK + b"ok"))
    with stub(script) as server, asked(relay, server, b"GET", b"Host: x\r\n\r\n") as client:
        client.shutdown(socket.SHUT_WR)
        assert read(client, 1000) == OK + b"ok"


def say_who(name: bytes) -> Callable[[socket.socket], None]:
    """A server that answers each request with its name; HEAD without a body."""

    def play(connection: socket.socket) -> None:
        while request := read_request(connection):
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(name)
            connection.sendall(head if request.startswith(b"HEAD") else head + name)

    return play


def test_one_client_may_talk_to_everybody(relay: Relay) -> None:
    """On one connection, by turns with the relay itself."""
    before = count(relay)
    with (
        stub(say_who(b"one")) as one,
        stub(say_who(b"two")) as two,
        wire(relay.proxy_port) as client,
    ):

        def ask(target: bytes, method: str = "GET") -> bytes:
            client.send(f"{method} {target.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return client.answer(method).body

        for _ in range(2):
            assert ask(url(one)) == b"one"
            assert ask(url(one), "HEAD") == b""
            assert ask(url(two)) == b"two"
            assert b'"ok"' in ask(b"http://iflow.internal/health")
            assert ask(url(one), "POST") == b"one"
        assert (one.connections, two.connections) == (3, 2)
    assert count(relay)["tunnelled"] == before["tunnelled"] + 5


def test_requests_may_follow_each_other_at_once(relay: Relay) -> None:
    """Two for one server, and a body between them that looks like a third."""
    trap = b"GET http://iflow.internal/health HTTP/1.1\r\n\r\n"
    fields = b"Content-Length: %d\r\n\r\n%b" % (len(trap), trap)
    script = Script((b"last: x\r\n\r\n", OK + b"ok" + OK + b"no"))
    with stub(script) as server, wire(relay.proxy_port) as client:
        client.send(b"POST " + url(server) + b" HTTP/1.1\r\n" + fields + b"\r\n")
        client.send(b"GET " + url(server) + b" HTTP/1.1\r\nlast: x\r\n\r\n")
        assert [client.answer().body, client.answer("GET").body] == [b"ok", b"no"]
    heard = b"POST / HTTP/1.1\r\n" + fields + b"GET / HTTP/1.1\r\nlast: x\r\n\r\n"
    assert script.heard == [heard]


def test_an_upgrade_passes(relay: Relay) -> None:
    """What follows it is no HTTP, even where it looks like it."""
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

    def play(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(switching[:7])
        threading.Event().wait(0.05)
        connection.sendall(switching[7:])
        echo(connection)

    frames = b"GET http://iflow.internal/health HTTP/1.1\r\n\r\n\x81\x05hello"
    rest = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with stub(play) as server, asked(relay, server, b"GET", rest + frames) as client:
        assert read(client, len(switching) + len(frames)) == switching + frames
        client.sendall(b"\x88\x00")
        assert read(client, 2) == b"\x88\x00"


@pytest.mark.parametrize("status", [b"200 OK", b"426 Upgrade Required"])
def test_an_upgrade_that_is_not_agreed_to_changes_nothing(relay: Relay, status: bytes) -> None:
    """Java's client asks for HTTP/2 in this way, with a body that its server waits for."""
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    script = Script(
        (b"hello", b"HTTP/1.1 100 Continue\r\n\r\n" + answer),
        (b"\r\n\r\n", OK + b"ok"),
        (b"never", b""),
    )
    rest = b"Upgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
    with stub(script) as server, wire(relay.proxy_port) as client:
        client.send(b"POST " + url(server) + b" HTTP/1.1\r\n" + rest)
        assert client.answer().status == int(status[:3])
        client.send(b"GET " + url(server) + b" HTTP/1.1\r\n\r\n")
        assert client.answer("GET").body == b"ok"
        client.send(b"GET http://iflow.internal/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer("GET").status == 200


def test_what_comes_before_an_upgrade_is_agreed_to_is_bounded(relay: Relay) -> None:
    """Nobody can fill the relay's memory with it."""
    script = Script((b"never", b""))
    rest = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + bytes(300 << 10)
    with stub(script) as server, asked(relay, server, b"GET", rest) as client:
        assert read(client, 12) == b"HTTP/1.1 400"


def test_what_speaks_to_the_proxy_stays_there(relay: Relay) -> None:
    """Its login is not the server's affair."""
    script = Script((b"\r\n\r\n", OK + b"ok"))
    rest = (
        b"A: b\r\nProxy-Connection: keep-alive\r\nproxy-authorization: Basic eDp5\r\nC: d\r\n\r\n"
    )
    with stub(script) as server, asked(relay, server, b"GET", rest) as client:
        assert read(client, len(OK) + 2) == OK + b"ok"
    assert script.heard[0].endswith(b"HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("GET http://127.0.0.1:{nobody}/ HTTP/1.1\r\n", 502, "cannot be reached"),
        ("GET http://no-such-host.invalid/ HTTP/1.1\r\n", 502, "cannot be reached"),
        ("GET http://a..b/ HTTP/1.1\r\n", 400, "names no host"),
        ("GET http://localhost/ HTTP/1.1\r\nContent-Length: x\r\n", 400, "is no number"),
    ],
)
def test_what_cannot_be_passed_on_is_told(
    relay: Relay, line: str, status: int, reason: str
) -> None:
    """With a status and a reason, as any proxy does."""
    with wire(relay.proxy_port) as client:
        client.send(f"{line}\r\n".replace("{nobody}", str(free_port())).encode())
        answer = client.answer("GET")
    assert answer.status == status
    assert reason in answer.body.decode()


def test_a_body_that_breaks_its_framing_goes_no_further(relay: Relay) -> None:
    """Where the next request begins, nobody could say."""
    script = Script((b"never", b""))
    rest = b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nmany\r\n"
    with stub(script) as server, asked(relay, server, b"POST", rest) as client:
        assert read(client, 12) == b"HTTP/1.1 400"
