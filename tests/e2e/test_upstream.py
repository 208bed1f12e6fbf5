"""Upstreams that cannot be reached, say nothing, or say it in a way that nobody expects."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.e2e.asking import DONE, Told, chat
from tests.e2e.conftest import Aim, StartRelay
from tests.e2e.programs import CLIENT_KEY, HELLO, Relay, free_port, wait_until
from tests.e2e.servers import Demo, make_certificate, read_request, replies, stub

from iflow_relay.demo import KEY


def ask(relay: Relay, *, stream: bool = False) -> Told:
    """One call over HTTP/1.1, and the same over HTTP/2, which must say the same."""
    with relay.client() as client, relay.intercepted() as other:
        told = chat(client, stream=stream)
        same = chat(other, stream=stream)
    assert (told.status, told.body) == (same.status, same.body)
    return told


def check_error(told: Told, status: int, code: str) -> None:
    """Fail unless this is what the client was told."""
    assert (told.status, told.error["code"]) == (status, code), told
    assert DONE not in told.events


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_port_is_unreachable(aim: Aim, scheme: str, stream: bool) -> None:
    """The message names the address and what to check."""
    port = free_port()
    told = ask(aim(f"{scheme}://127.0.0.1:{port}/v1"), stream=stream)
    check_error(told, 502, "upstream_unreachable")
    assert str(port) in told.error["message"]
    assert "baseUrl" in told.error["message"]


def test_a_name_that_does_not_resolve_is_unreachable(aim: Aim) -> None:
    """As after the upstream's domain was given up."""
    told = ask(aim("https://nobody.invalid/v1"))
    check_error(told, 502, "upstream_unreachable")
    assert "nobody.invalid" in told.error["message"]


def test_tls_to_a_plain_port_is_unreachable(aim: Aim) -> None:
    """`https` in baseUrl where `http` is meant."""

    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with stub(play) as server:
        told = ask(aim(f"https://127.0.0.1:{server.port}/v1"))
    check_error(told, 502, "upstream_unreachable")


def test_an_untrusted_certificate_is_unreachable(aim: Aim, tmp_path: Path) -> None:
    """The key goes to nobody who cannot show that they are the host."""
    _, context = make_certificate(tmp_path)
    seen: list[bytes] = []
    with stub(lambda c: seen.append(read_request(c)), tls=context) as server:
        told = ask(aim(server.base_url))
    check_error(told, 502, "upstream_unreachable")
    assert "certificate" in told.error["message"].lower()
    assert seen == []


def test_a_trusted_certificate_is_good(start_relay: StartRelay, tmp_path: Path) -> None:
    """TLS to the upstream works, with an authority of one's own if need be."""
    public, context = make_certificate(tmp_path)
    answer = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with stub(replies(head % len(answer) + answer), tls=context) as server:
        settings = {"apiKey": KEY, "baseUrl": server.base_url}
        trust = f"ssl_verify_upstream_trusted_ca={public}"
        relay = start_relay(trust, settings=settings)
        assert ask(relay).text == "hello"


def read_on(connection: socket.socket) -> None:
    """Say nothing, whatever comes."""
    while connection.recv(65536):
        pass


@contextlib.contextmanager
def full_queue() -> Iterator[int]:
    """The port of a listening socket that accepts nobody any more."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        with socket.socket() as probe:
            probe.settimeout(0.3)
            if probe.connect_ex(address) == 0:
                pytest.skip("this system accepts beyond its queue")
        yield address[1]


def test_a_server_that_cannot_be_connected_to_is_given_up(aim: Aim) -> None:
    """One never accepts, one never shakes hands where TLS is due; both are given up."""
    with full_queue() as port, stub(read_on) as mute, ThreadPoolExecutor() as pool:
        relay = aim(f"https://127.0.0.1:{mute.port}/v1")
        with relay.client() as first, relay.client() as second:
            shaking = pool.submit(chat, first)
            wait_until(lambda: mute.connections == 1, "a connection")
            aim(f"http://127.0.0.1:{port}/v1")
            for told in (chat(second), shaking.result()):
                check_error(told, 502, "upstream_unreachable")


@pytest.mark.parametrize("stream", [False, True])
def test_a_silent_server_times_out(aim: Aim, stream: bool) -> None:
    """The message names the option that says for how long to wait."""

    with stub(read_on) as server:
        told = ask(aim(server.base_url), stream=stream)
    check_error(told, 504, "upstream_timeout")
    assert "iflow_timeout" in told.error["message"]


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\n'


@pytest.mark.parametrize("pieces", ["byte by byte", "two halves of a letter", "in one"])
def test_a_stream_arrives_however_it_is_cut(aim: Aim, pieces: str) -> None:
    """Within a letter of UTF-8, within a line end."""
    event = (
        EVENT.replace(b"hello", "河🌊".encode()).replace(b"\n", b"\r\n") + b"data:[DONE]\r\n\r\n"
    )
    size = {"byte by byte": 1, "two halves of a letter": event.index("河".encode()) + 1}.get(
        pieces, 999
    )

    def play(connection: socket.socket) -> None:
        if read_request(connection):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(STREAM_HEAD + b"Connection: close\r\n\r\n")
            for start in range(0, len(event), size):
                connection.sendall(event[start : start + size])

    with stub(play) as server:
        told = ask(aim(server.base_url), stream=True)
    assert (told.status, told.text, told.events[-1]) == (200, "河🌊", DONE)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["silence=2, words=9", "silence-head", "pause=0.2, words=99"])
def test_a_client_that_hangs_up_ends_the_upstream_call(
    relay: Relay, demo: Demo, fault: str, stream: bool
) -> None:
    """Tokens that nobody reads cost as much as others."""
    before = demo.stats()
    body = json.dumps(HELLO | {"stream": stream}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"x-demo: {fault}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with relay.wire() as wire:
        wire.send(head.encode() + body)
        wait_until(lambda: demo.stats()["requests"] == before["requests"] + 1, "the call")
        if stream and fault != "silence-head":
            wire.read_until(b"data: ")
    if stream or "pause" not in fault:
        wait_until(lambda: demo.stats()["hangups"] == before["hangups"] + 1, "the hang-up")
        wait_until(lambda: demo.stats()["active"] <= before["active"], "the end")
    relay.check_it_serves()


def test_a_pass_through_answer_is_streamed(aim: Aim) -> None:
    """Audio is large: it arrives as it comes, and unchanged."""
    first, rest = b"ID3" + bytes(1000), bytes(range(256)) * 100
    go_on: list[bool] = []

    def play(connection: socket.socket) -> None:
        if read_request(connection):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % (len(first) + len(rest)) + first)
            wait_until(lambda: bool(go_on), "the client")
            connection.sendall(rest)

    with stub(play) as server:
        relay = aim(server.base_url)
        with (
            relay.client() as client,
            client.stream("POST", "/audio/speech", json={"input": "x"}) as answer,
        ):
            pieces = answer.iter_raw()
            got = next(pieces)
            assert answer.headers["content-type"] == "audio/mpeg"
            assert "authorization" not in answer.headers
            go_on.append(True)
            got += b"".join(pieces)
    assert got == first + rest


def test_a_pass_through_request_keeps_its_body(aim: Aim) -> None:
    """A form with a file in it is nobody's business here."""
    seen: list[bytes] = []

    def play(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(JSON_HEAD + b"Content-Length: 14\r\n\r\n" + b'{"text":"hoi"}')

    with stub(play) as server:
        relay = aim(server.base_url)
        with relay.client() as client:
            answer = client.post(
                "/audio/transcriptions",
                files={"file": ("a.wav", b"RIFF\0\xff\r\n--x")},
                headers={"Authorization": f"Bearer {CLIENT_KEY}"},
            )
    assert answer.json() == {"text": "hoi"}
    assert b"RIFF\0\xff\r\n--x" in seen[0]
    assert b"multipart/form-data; boundary=" in seen[0]
    assert CLIENT_KEY.encode() not in seen[0]


def test_the_upstreams_own_models_are_listed(aim: Aim) -> None:
    """Where it is not iFlow, and a model is looked up in its list."""
    listed = {"object": "list", "data": [{"id": "llama3:8b", "object": "model"}]}
    body = json.dumps(listed).encode()
    # It hangs up after each answer, so it says so: else the next request may meet it doing that.
    answer = JSON_HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with stub(replies(answer)) as server:
        relay = aim(server.base_url)
        with relay.client() as client:
            assert client.get("/models").json() == listed
            assert client.get("/models/llama3:8b").json()["id"] == "llama3:8b"
            assert client.get("/models/gpt-99").json()["error"]["code"] == "model_not_found"


def test_where_the_upstream_has_no_list_the_configured_model_is_listed(
    start_relay: StartRelay, demo: Demo
) -> None:
    """The demo upstream answers 404 to `GET /models`."""
    settings = {"apiKey": KEY, "baseUrl": demo.base_url, "modelName": "glm-4.7"}
    relay = start_relay("iflow_models=upstream", settings=settings)
    with relay.client() as client:
        assert [entry["id"] for entry in client.get("/models").json()["data"]] == ["glm-4.7"]
