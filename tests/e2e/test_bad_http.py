"""Bytes that are hardly HTTP, and bodies of any size."""

from __future__ import annotations

import json
import socket

import httpx2
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import HELLO, Relay
from tests.e2e.servers import Demo
from tests.e2e.test_bad_input import GOOD, check_reuse
from tests.e2e.wire import Wire, post

MEGABYTE = b"x" * (1 << 20)
BODY = json.dumps(HELLO).encode()
CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def test_a_body_of_ten_megabytes_passes(relay: Relay, demo: Demo) -> None:
    """Images in base64 are part of a chat."""
    text = "x" * (10 << 20)
    with relay.client() as client:
        body = HELLO | {"messages": [{"role": "user", "content": text}]}
        answer = client.post("/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["usage"]["prompt_tokens"] > (10 << 20) / 4
        length = int(dict(map(tuple, demo.requests()[0]["headers"]))["Content-Length"])
        assert length > 10 << 20


def test_a_chunked_body_passes(relay: Relay) -> None:
    """A client may not know its body's length; the upstream gets it whole."""
    with relay.wire() as wire:
        wire.send(CHUNKED)
        for start in range(0, len(BODY), 7):
            piece = BODY[start : start + 7]
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 200
        check_reuse(wire)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_two_hundred_megabytes_are_too_large(relay: Relay, demo: Demo, framing: str) -> None:
    """A client that sends all of it, and then reads, gets its 413; none of it is sent on."""
    with relay.wire() as wire:
        wire.send(
            CHUNKED
            if framing == "chunked"
            else post(b"").replace(b"Content-Length: 0", b"Content-Length: %d" % (200 << 20))
        )
        early = send_until_answered(wire, 200, chunked=framing == "chunked")
        answer = wire.answer()
        assert answer.status == 413
        assert answer.error["code"] == "request_too_large"
        assert "iflow_max_body" in answer.error["message"]
        if not early:
            check_reuse(wire)
    assert len(demo.requests()) == (0 if early else 1)
    relay.check_it_serves()


def send_until_answered(wire: Wire, megabytes: int, *, chunked: bool) -> bool:
    """Send a body of this size; whether the other side closed before it was through."""
    try:
        for _ in range(megabytes):
            wire.send(b"%x\r\n%b\r\n" % (len(MEGABYTE), MEGABYTE) if chunked else MEGABYTE)
        if chunked:
            wire.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_the_largest_body_is_an_option(start_relay: StartRelay) -> None:
    """A body of exactly that size passes, one byte more does not."""
    relay = start_relay("iflow_max_body=2k", "iflow_models=builtin")
    with relay.client() as client:
        for size, status in ((2048, 200), (2049, 413), (2048, 200)):
            filler = " " * (size - len(BODY))
            assert (
                client.post("/chat/completions", content=BODY + filler.encode()).status_code
                == status
            )


def test_headers_of_64_kilobytes_are_refused(relay: Relay) -> None:
    """The answer arrives, though the client was not done."""
    with relay.wire() as wire:
        wire.send(GOOD.replace(b"\r\n\r\n", b"\r\nX-Filler: " + b"x" * 65536 + b"\r\n\r\n", 1))
        answer = wire.answer()
    assert answer.status == 431
    assert answer.error["code"] == "head_too_large"
    assert answer.closed
    relay.check_it_serves()


def test_a_head_that_never_ends_is_refused(relay: Relay) -> None:
    """A megabyte of header lines is not kept until its end comes."""
    with relay.wire() as wire:
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\n")
        try:
            for number in range(1024):
                wire.send(b"X-%d: " % number + b"x" * 1024 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert wire.answer().status == 431
    relay.check_it_serves()


def test_headers_of_twenty_kilobytes_pass(relay: Relay) -> None:
    """Cookies of a real browser are long; they are only not sent on."""
    with relay.wire() as wire:
        wire.send(post(BODY, "Cookie: " + "x" * 20_000))
        assert wire.answer().status == 200
        check_reuse(wire)


NO_HTTP = {
    "no request line": b"hello\r\n\r\n",
    "two words": b"GET /v1/models\r\n\r\n",
    "a header without a colon": b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nnonsense\r\n\r\n",
    "a blank in a header's name": b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nX y: 1\r\n\r\n",
    "a length that is no number": post(b"").replace(b"Length: 0", b"Length: many"),
    "a length below zero": post(b"").replace(b"Length: 0", b"Length: -1"),
    "two lengths": post(b"", "Content-Length: 5") + b"hello",
    "length and chunks": post(b"", "Transfer-Encoding: chunked").replace(b"h: 0", b"h: 5")
    + b"0\r\n\r\n",
    "an unknown transfer coding": post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: x"),
    "chunked twice": CHUNKED.replace(b"chunked", b"chunked, chunked") + b"0\r\n\r\n",
    "a chunk size that is no number": CHUNKED + b"many\r\n",
    "a chunk longer than its size": CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    "a target that is no path": b"GET v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a blank in the path": b"GET /v1/mod els HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "an address of another kind": b"GET ftp://127.0.0.1/v1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    "HTTP/3": b"GET /v1/models HTTP/3\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_bytes_that_are_no_request_are_refused(relay: Relay, demo: Demo, name: str) -> None:
    """An error in the API's shape where bytes can be answered at all, then the connection ends."""
    with relay.wire() as wire:
        wire.send(NO_HTTP[name])
        answer = wire.answer("GET")
        assert answer.status == 400, answer
        assert answer.error["code"] == "invalid_http"
        assert wire.is_closed()
    assert demo.requests() == []
    relay.check_it_serves()


def test_a_chunked_body_that_is_cut_off_is_refused(relay: Relay, demo: Demo) -> None:
    """The client has half-closed and still reads."""
    with relay.wire() as wire:
        wire.send(CHUNKED + b"%x\r\n%b\r\n" % (len(BODY), BODY))
        wire.stop_sending()
        answer = wire.answer()
    assert answer.status == 400
    assert answer.error["code"] == "invalid_http"
    assert demo.requests() == []
    relay.check_it_serves()


def test_a_body_shorter_than_its_length_is_refused(relay: Relay, demo: Demo) -> None:
    """Likewise for a body with a length."""
    with relay.wire() as wire:
        wire.send(GOOD[:-5])
        wire.stop_sending()
        assert wire.answer().status == 400
    assert demo.requests() == []
    relay.check_it_serves()


@pytest.mark.parametrize("sent", [b"", b"P", b"POST /v1/chat/com", GOOD[:60], GOOD[:-1]])
def test_a_client_that_goes_away_leaves_no_trace(relay: Relay, demo: Demo, sent: bytes) -> None:
    """Wherever it stops, nothing is sent on and nothing breaks."""
    with relay.wire() as wire:
        wire.send(sent)
        # A reset, as from a program that was killed.
        linger = b"\1\0\0\0\0\0\0\0"
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert demo.requests() == []
    relay.check_it_serves()


def test_a_request_that_comes_byte_by_byte_is_served(relay: Relay) -> None:
    """How the network cuts a request changes nothing."""
    with relay.wire() as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GOOD:
            wire.send(bytes([byte]))
        assert wire.answer().status == 200


def test_pipelined_requests_are_answered_in_order(relay: Relay) -> None:
    """Good and bad ones mixed."""
    bodies = [BODY, b"no", BODY.replace(b"hello", b"second"), b"{}"]
    with relay.wire() as wire:
        wire.send(b"".join(map(post, bodies)))
        answers = [wire.answer() for _ in bodies]
    assert [answer.status for answer in answers] == [200, 400, 200, 400]
    assert b"You said: second" in answers[2].body


def test_http_1_0_is_served(relay: Relay) -> None:
    """The connection ends with the answer, streamed or not, and no chunk sizes are in it."""
    for body in (BODY, json.dumps(HELLO | {"stream": True}).encode()):
        with relay.wire() as wire:
            wire.send(post(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
            answer = wire.answer()
            assert answer.status == 200
            assert "transfer-encoding" not in answer.headers
            assert b"You" in answer.body
            assert answer.body.startswith((b"{", b"data: {"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_without_a_host_is_refused(relay: Relay, demo: Demo, version: str) -> None:
    """Whoever asks has to say whom."""
    with relay.wire() as wire:
        bare = GOOD.replace(b"Host: 127.0.0.1\r\n", b"")
        wire.send(bare.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        answer = wire.answer()
    assert answer.status in (400, 403)
    assert answer.error["code"] in ("invalid_http", "forbidden_host")
    assert demo.requests() == []
    relay.check_it_serves()


def test_http_2_without_tls_ends_the_connection(relay: Relay) -> None:
    """Its client could not read an error in HTTP/1; the next client is served."""
    with relay.wire() as wire:
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert wire.is_closed()
    relay.check_it_serves()


def test_trailers_of_a_chunked_body_do_no_harm(relay: Relay) -> None:
    """RFC 9112, section 7.1.2: a recipient may ignore them."""
    with relay.wire() as wire:
        wire.send(CHUNKED + b"%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(BODY), BODY))
        answer = wire.answer()
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert answer.error["code"] == "invalid_http"
    relay.check_it_serves()


def test_the_reverse_listener_speaks_tls_too(relay: Relay) -> None:
    """A client that insists on https:// gets the same answers under mitmproxy's certificate."""
    with httpx2.Client(
        base_url=relay.base_url.replace("http://", "https://"),
        verify=relay.trust(),
        http2=True,
        trust_env=False,
    ) as client:
        assert chat(client).text == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/v1/models/glm-4.7", "/nowhere"])
def test_head_is_answered_without_a_body(relay: Relay, path: str) -> None:
    """The same status as GET has, and the connection goes on."""
    with relay.wire() as wire:
        for method in ("HEAD", "GET"):
            wire.send(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            answer = wire.answer(method)
            assert answer.status == (404 if path == "/nowhere" else 200)
            assert bool(answer.body) == (method == "GET")
        check_reuse(wire)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "BREW"])
def test_another_method_is_no_chat(relay: Relay, method: str) -> None:
    """It is told in the API's shape, by the relay or by the upstream."""
    with relay.wire() as wire:
        wire.send(GOOD.replace(b"POST", method.encode()))
        answer = wire.answer(method)
        assert answer.status in (404, 405)
        assert answer.error["code"]
        check_reuse(wire)


def test_a_client_that_waits_to_be_told_to_go_on_is_told(relay: Relay) -> None:
    """curl sends `Expect: 100-continue` with a large body."""
    with relay.wire() as wire:
        wire.send(post(BODY, "Expect: 100-continue")[: -len(BODY)])
        assert wire.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        wire.send(BODY)
        assert wire.answer().status == 200
        check_reuse(wire)
