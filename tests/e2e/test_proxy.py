"""The proxy listener: calls to virtual hosts are re-aimed, all else passes untouched."""

from __future__ import annotations

import json
import re
import socket
import ssl
from pathlib import Path

import httpx2
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLIENT_KEY, HELLO, MODEL, Relay, free_port
from tests.e2e.servers import Demo, make_certificate, read_request, stub
from tests.e2e.wire import wire

from iflow_relay.catalog import BUILTIN
from iflow_relay.demo import KEY


def servers_called(relay: Relay, since: int = 0) -> set[str]:
    """The addresses that the relay opened connections to, as its log tells."""
    log = relay.log()[since:]
    return set(re.findall(r"(?:server connect|server connection) .*?([\w.:-]+:\d+)", log))


@pytest.mark.parametrize(
    ("base_url", "http2", "version"),
    [
        ("http://iflow.internal/v1", False, "HTTP/1.1"),
        ("http://iflow.internal", False, "HTTP/1.1"),
        ("http://api.openai.com/v1", False, "HTTP/1.1"),
        ("https://api.openai.com/v1", False, "HTTP/1.1"),
        ("https://api.openai.com/v1", True, "HTTP/2"),
        ("https://iflow.internal/v1", True, "HTTP/2"),
        ("https://api.openai.com:8443/v1", True, "HTTP/2"),
    ],
)
def test_a_virtual_host_is_answered_by_the_upstream(
    relay: Relay, demo: Demo, base_url: str, http2: bool, version: str
) -> None:
    """Whole and streamed, and no server but the upstream is called."""
    since = len(relay.log())
    with relay.intercepted(base_url, http2=http2) as client:
        answer = client.post("/chat/completions", json=HELLO)
        assert answer.http_version == version
        assert answer.json()["choices"][0]["message"]["content"] == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"
        assert client.get("/models").json()["data"][0]["id"] == BUILTIN[0].id
        assert client.get("/health").json()["service"] == "iflow-relay"
    assert servers_called(relay, since) == {f"127.0.0.1:{demo.port}"}


def test_no_other_server_is_called_when_the_upstream_is_down(start_relay: StartRelay) -> None:
    """The client's request, key and all, must not go where it was first addressed."""
    down = free_port()
    relay = start_relay(settings={"apiKey": KEY, "baseUrl": f"http://127.0.0.1:{down}/v1"})
    for base_url in ("https://api.openai.com/v1", "http://api.openai.com/v1"):
        with relay.intercepted(base_url) as client:
            for path in ("/chat/completions", "/embeddings"):
                answer = client.post(path, json=HELLO)
                assert answer.status_code == 502
                assert answer.json()["error"]["code"] == "upstream_unreachable"
            assert client.get("/models").status_code == 502
    assert "error establishing server connection" in relay.log()
    assert servers_called(relay) <= {f"127.0.0.1:{down}"}


def test_no_server_is_called_without_credentials(start_relay: StartRelay) -> None:
    """Not even by a request that the upstream has no part in."""
    relay = start_relay(settings=None)
    for base_url in ("https://api.openai.com/v1", "http://api.openai.com/v1"):
        with relay.intercepted(base_url) as client:
            for path in ("/chat/completions", "/embeddings", "/nowhere"):
                answer = client.post(path, json=HELLO)
                assert (answer.status_code, answer.json()["error"]["code"]) == (
                    401,
                    "not_logged_in",
                )
            assert client.get("/models").status_code == 401
            assert client.get("/../v1").status_code in (400, 404)
    assert servers_called(relay) == set()


def test_the_original_host_is_never_contacted(start_relay: StartRelay) -> None:
    """A server stands where the app believes it talks to; good or bad, no call reaches it."""
    with stub() as original:
        relay = start_relay(*LIKE_IFLOW, "iflow_hosts=localhost")
        good = relay.settings.read_bytes()
        for scheme in ("http", "https"):
            relay.settings.write_bytes(good)
            with relay.intercepted(f"{scheme}://localhost:{original.port}/v1") as client:
                for fault in ("", "close", "garbage", "status=500", "cut"):
                    chat(client, fault)
                    chat(client, fault, stream=True)
                client.get("/models")
                client.post("/chat/completions", content=b"no")
                client.post("/embeddings", json={"input": "x"})
                relay.settings.write_text("{")
                assert chat(client).status == 200
                relay.settings.unlink()
                assert chat(client).status == 401
                relay.settings.write_text('{"apiKey": 5}')
                assert chat(client).status == 503
        assert original.connections == 0


@pytest.mark.parametrize(
    ("asked", "run"),
    [("gpt-99", BUILTIN[0].id), ("", BUILTIN[0].id), (MODEL, MODEL), ("glm-4.7", "glm-4.7")],
)
def test_an_app_that_knows_openais_models_gets_the_default(
    relay: Relay, demo: Demo, asked: str, run: str
) -> None:
    """On somebody else's host a name that the catalog lacks becomes the default model."""
    with relay.intercepted() as client:
        assert chat(client, model=asked).status == 200
    assert demo.bodies()[0]["model"] == run
    assert demo.bodies()[0]["messages"] == HELLO["messages"]


@pytest.mark.parametrize("listener", ["reverse", "internal"])
def test_a_client_that_chose_the_relay_gets_the_model_that_it_names(
    relay: Relay, demo: Demo, listener: str
) -> None:
    """In reverse mode and on iflow.internal an unknown name passes unchanged."""
    internal = relay.intercepted("http://iflow.internal/v1")
    with relay.client() if listener == "reverse" else internal as client:
        assert chat(client, model="gpt-99").status == 404
    assert demo.bodies()[0]["model"] == "gpt-99"


def test_a_model_map_applies_everywhere(start_relay: StartRelay, demo: Demo) -> None:
    """Its first rule that matches wins, before the default; the body is otherwise the client's."""
    settings = {"apiKey": KEY, "baseUrl": demo.base_url, "modelName": "minimax-m2.1"}
    rules = ("iflow_model_map=gpt-4*=glm-4.7", "iflow_model_map=gpt-*=kimi-k2-0905")
    relay = start_relay(*LIKE_IFLOW, *rules, settings=settings)
    with relay.client() as client, relay.intercepted() as other:
        for model in ("gpt-4o", "gpt-5"):
            assert chat(client, model=model, note="河").status == 200
            assert chat(other, model=model, note="河").status == 200
        assert chat(other, model="o9").status == 200
    ran = [body["model"] for body in demo.bodies()]
    assert ran == ["glm-4.7", "glm-4.7", "kimi-k2-0905", "kimi-k2-0905", "minimax-m2.1"]
    assert demo.bodies()[0]["note"] == "河"


def test_tls_to_any_other_host_is_tunnelled(relay: Relay, tmp_path: Path) -> None:
    """The client shakes hands with the server itself, and sees its certificate."""
    public, context = make_certificate(tmp_path)
    seen: list[bytes] = []

    def play(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    with stub(play, tls=context) as server, wire(relay.proxy_port) as tunnel:
        target = f"127.0.0.1:{server.port}"
        tunnel.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert b" 200 " in tunnel.read_until(b"\r\n\r\n")
        trust = ssl.create_default_context(cafile=public)
        with trust.wrap_socket(tunnel.socket, server_hostname="127.0.0.1") as secure:
            certificate = secure.getpeercert(binary_form=True)
            secure.sendall(
                f"GET /secret HTTP/1.1\r\nHost: x\r\nX-Key: {CLIENT_KEY}\r\n\r\n".encode()
            )
            assert secure.recv(1000).endswith(b"hello")
    assert certificate == ssl.PEM_cert_to_DER_cert(public.read_text())
    assert seen == [f"GET /secret HTTP/1.1\r\nHost: x\r\nX-Key: {CLIENT_KEY}\r\n\r\n".encode()]
    assert "/secret" not in relay.log()


def test_a_tunnelled_client_does_not_get_mitmproxys_certificate(
    relay: Relay, tmp_path: Path
) -> None:
    """Trust in mitmproxy's authority is of no use, and needed by nobody, for other hosts."""
    _, context = make_certificate(tmp_path)
    with (
        stub(tls=context) as server,
        relay.intercepted(f"https://127.0.0.1:{server.port}") as client,
        pytest.raises(httpx2.ConnectError, match="self-signed"),
    ):
        client.get("/")


def test_plain_http_to_any_other_host_passes_as_it_is(relay: Relay) -> None:
    """Its headers, key included, its body and its answer are its own affair."""
    seen: list[bytes] = []
    head = (
        b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nX-Odd:  x \r\n\r\n"
    )
    answer = head + b"\xff\0\r"

    def play(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer)

    with stub(play) as server, wire(relay.proxy_port) as client:
        rest = (
            f"Host: 127.0.0.1:{server.port}\r\nauthorization: Bearer {CLIENT_KEY}\r\n"
            "X-Same: 1\r\nX-Same: 2\r\nCookie: a=b\r\nContent-Length: 4\r\n\r\n"
        ).encode()
        url = f"http://127.0.0.1:{server.port}/v1/chat/completions?x=%2e%2e"
        client.send(b"POST " + url.encode() + b" HTTP/1.1\r\n" + rest + b"\0\xff{}")
        told = client.read_until(b"\xff\0\r")
    assert seen == [b"POST /v1/chat/completions?x=%2e%2e HTTP/1.1\r\n" + rest + b"\0\xff{}"]
    assert told.startswith(b"HTTP/1.1 418 I'm a teapot\r\n")
    assert b"Set-Cookie: a=b\r\n" in told
    assert told.endswith(b"\r\n\r\n\xff\0\r")


def test_a_like_named_host_is_not_intercepted(relay: Relay, tmp_path: Path) -> None:
    """Only exact names are virtual: a look-alike is tunnelled, and fails as it would without us."""
    for host in ("api.openai.com.invalid", "xapi.openai.com.invalid", "iflow.internal.invalid"):
        with (
            relay.intercepted(f"https://{host}") as client,
            pytest.raises((httpx2.TransportError, httpx2.ProxyError)),
        ):
            client.get("/v1/models")


def test_a_wildcard_covers_the_names_below_it(start_relay: StartRelay) -> None:
    """`*.example.invalid` takes in a.example.invalid and b.a.example.invalid."""
    relay = start_relay(*LIKE_IFLOW, "iflow_hosts=*.example.invalid")
    for host in ("a.example.invalid", "b.a.example.invalid"):
        with relay.intercepted(f"https://{host}/v1") as client:
            assert chat(client).text == "You said: hello"
    with (
        relay.intercepted("https://example.invalid/v1") as client,
        pytest.raises(httpx2.TransportError),
    ):
        client.get("/models")


INTERNAL = b"POST http://iflow.internal/v1/chat/completions HTTP/1.1\r\nHost: iflow.internal\r\n"


def test_bad_input_through_the_proxy_is_told_in_json(relay: Relay, demo: Demo) -> None:
    """The errors of a virtual host are the API's, in plain HTTP too."""
    with wire(relay.proxy_port) as client:
        client.send(INTERNAL + b"Content-Length: 2\r\n\r\nno")
        answer = client.answer()
        assert (answer.status, answer.error["code"]) == (400, "invalid_json")
        assert demo.requests() == []
        body = json.dumps(HELLO).encode()
        client.send(INTERNAL + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert client.answer().status == 200


@pytest.mark.parametrize("body", [b"many\r\n", b"2\r\nno"], ids=["bad chunk", "cut off"])
def test_bad_framing_through_the_proxy_is_told_in_json(
    relay: Relay, demo: Demo, body: bytes
) -> None:
    """The head has said that the call is for a virtual host: its client gets the API's error."""
    with wire(relay.proxy_port) as client:
        client.send(INTERNAL + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        client.stop_sending()
        answer = client.answer()
    assert (answer.status, answer.error["code"]) == (400, "invalid_http")
    assert demo.requests() == []
    relay.check_it_serves()
