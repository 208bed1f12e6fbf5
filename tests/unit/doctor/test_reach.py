"""The way to an upstream: servers, proxies and silences on loopback."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from tests.e2e.programs import free_port
from tests.e2e.servers import make_certificate, read_request, stub
from tests.unit.doctor.reading import statuses

from iflow_relay.credential import BaseUrl, parse_base_url
from iflow_relay.doctor import patience, reach
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.next_proxy import Proxy, parse_proxy


def trust(file: Path | None = None) -> Callable[[], ssl.SSLContext]:
    """Makes what trusts the certificate in a file alone."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if file:
            context.load_verify_locations(file)
        return context

    return make


def walk(
    base: BaseUrl | str, proxy: Proxy | None = None, certificate: Path | None = None
) -> tuple[list[Verdict], bool]:
    """The verdicts, and whether the upstream was reached."""
    base = base if isinstance(base, BaseUrl) else parse_base_url(base)
    reached: list[bool] = []

    def collect() -> Generator[Verdict, None, None]:
        reached.append((yield from reach.reach(base, proxy, trust(certificate))))

    return list(collect()), reached[0]


def test_plain_http_within_the_machine_needs_no_tls() -> None:
    """The name and the connection are looked at."""
    with stub() as server:
        found, reached = walk(server.base_url)
    assert reached
    assert statuses(found) == [("name", "ok"), ("connection", "ok"), ("TLS", "skipped")]
    assert found[0].found == "127.0.0.1: an address by itself"
    assert found[1].found.startswith(f"127.0.0.1:{server.port}, ")


def test_a_name_is_looked_up_and_timed() -> None:
    """What is shown is the address that it has."""
    with stub() as server:
        [name, *_], _ = walk(f"http://localhost:{server.port}/v1")
    assert name.found.startswith("localhost: ")
    assert name.found.endswith((" ms", " s"))


def test_a_name_without_an_address_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is not tried."""

    def find_none(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_none)
    found, reached = walk("https://api.example.com/v1")
    assert not reached
    assert statuses(found) == [("name", "failure"), ("connection", "skipped"), ("TLS", "skipped")]
    assert found[0].found == "api.example.com has no address: Name or service not known"
    assert found[0].advice == reach.ONLINE


def test_a_server_that_is_not_there_ends_it() -> None:
    """On this machine it is to be started."""
    port = free_port()
    found, reached = walk(f"http://127.0.0.1:{port}/v1")
    assert not reached
    assert statuses(found) == [("name", "ok"), ("connection", "failure"), ("TLS", "skipped")]
    assert "refused" in found[1].found
    assert found[1].advice.startswith(f"start the server that is to listen on port {port}")


def test_a_certificate_is_verified(tmp_path: Path) -> None:
    """By the authorities that the relay would go by, and by the name."""
    public, context = make_certificate(tmp_path)
    with stub(read_request_only, tls=context) as server:
        good, reached = walk(server.base_url, certificate=public)
        bad, unreached = walk(server.base_url)
        other, _ = walk(f"https://localhost:{server.port}/v1", certificate=public)
    assert (reached, unreached) == (True, False)
    assert statuses(good)[2] == ("TLS", "ok")
    assert good[2].found.startswith("TLSv1.3, certificate good until ")
    assert statuses(bad)[2] == ("TLS", "failure")
    assert "self-signed" in bad[2].found
    assert bad[2].advice == reach.AUTHORITY
    assert "ostname mismatch" in other[2].found


def read_request_only(connection: socket.socket) -> None:
    """Read what comes, and hang up."""
    read_request(connection)


def test_plain_http_where_tls_was_expected_is_a_failure() -> None:
    """The advice asks for what is likely."""
    with stub(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        found, reached = walk(f"https://127.0.0.1:{server.port}/v1")
    assert not reached
    assert "does not speak TLS" in found[2].found
    assert "http://" in found[2].advice


def test_one_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and no handshake follows."""
    monkeypatch.setattr(reach, "NETWORK", 0.2)
    assert patience.NETWORK >= 5
    with stub(read_request_only) as server:
        found, _ = walk(f"https://127.0.0.1:{server.port}/v1")
    assert "no answer in time" in found[2].found


def test_http_beyond_the_machine_is_a_warning() -> None:
    """The key goes over the wire for everybody to see."""
    with stub() as server:
        proxy = parse_proxy(f"http://127.0.0.1:{server.port}")
        found, reached = walk("http://api.example.com/v1", proxy)
    assert reached
    assert statuses(found) == [("name", "ok"), ("connection", "ok"), ("TLS", "warning")]
    assert found[2].advice == reach.SAFER


def test_a_proxy_is_asked_to_connect_on(tmp_path: Path) -> None:
    """With its login; the TLS within is the upstream's own."""
    public, context = make_certificate(tmp_path)
    asked: list[bytes] = []

    def connect_on(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as inner:
            inner.recv(1)

    with stub(connect_on) as server:
        proxy = parse_proxy(f"http://me:pass@127.0.0.1:{server.port}")
        found, reached = walk("https://127.0.0.1:4430/v1", proxy, public)
    assert reached
    assert found[1].found.startswith(f"through the proxy http://127.0.0.1:{server.port}, ")
    assert statuses(found)[2] == ("TLS", "ok")
    assert asked[0].startswith(b"CONNECT 127.0.0.1:4430 HTTP/1.1\r\n")
    assert b"Basic " + base64.b64encode(b"me:pass") in asked[0]
    assert "pass" not in str(found)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "it says 'HTTP/1.1 407 "),
        (b"", "the proxy hung up"),
    ],
)
def test_a_proxy_that_refuses_is_a_failure(answer: bytes, found: str) -> None:
    """It is the proxy that is to be looked at."""

    def refuse(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with stub(refuse) as server:
        proxy = parse_proxy(f"http://127.0.0.1:{server.port}")
        verdicts, reached = walk("https://api.example.com/v1", proxy)
    assert not reached
    assert statuses(verdicts)[1] == ("connection", "failure")
    assert found in verdicts[1].found
    assert verdicts[1].advice == reach.OTHER_PROXY


def test_a_proxy_with_tls_is_not_looked_into() -> None:
    """The call that follows is made through it all the same."""
    with stub() as server:
        proxy = parse_proxy(f"https://127.0.0.1:{server.port}")
        found, reached = walk("https://api.example.com/v1", proxy)
    assert reached
    assert statuses(found)[2] == ("TLS", "skipped")
