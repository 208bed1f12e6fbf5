"""Requests that are none, or that nobody may make: a clear error, and the next one is served."""

from __future__ import annotations

import json

import pytest
from tests.e2e.asking import chat
from tests.e2e.programs import HELLO, Relay
from tests.e2e.servers import Demo
from tests.e2e.wire import Wire, post

GOOD = post(json.dumps(HELLO).encode())


def check_reuse(wire: Wire) -> None:
    """Fail unless the same connection serves the next request."""
    wire.send(GOOD)
    answer = wire.answer()
    assert answer.status == 200, answer
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "You said: hello"


BODIES: dict[str, tuple[bytes, str]] = {
    "no body": (b"", "invalid_json"),
    "blanks": (b" \r\n ", "invalid_json"),
    "no JSON": (b"hello", "invalid_json"),
    "half a JSON": (b'{"messages": [', "invalid_json"),
    "a form": (b"model=x&messages=y", "invalid_json"),
    "two documents": (b"{}{}", "invalid_json"),
    "a list": (b"[]", "invalid_request"),
    "a number": (b"1", "invalid_request"),
    "a text": (b'"hello"', "invalid_request"),
    "null": (b"null", "invalid_request"),
    "no messages": (b'{"model": "x"}', "invalid_request"),
    "messages that are a text": (b'{"messages": "hello"}', "invalid_request"),
    "messages that are null": (b'{"messages": null}', "invalid_request"),
    "a model that is a number": (b'{"model": 4, "messages": []}', "invalid_request"),
    "a model that is a list": (b'{"model": ["x"], "messages": []}', "invalid_request"),
    "invalid UTF-8": (b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}', "invalid_json"),
    "half a UTF-8 letter": (b'{"messages": ["\xe6\xb2"]}', "invalid_json"),
    "UTF-16": ("no JSON".encode("utf-16"), "invalid_json"),
    "Latin-1": ('{"messages": ["Grüße"]}'.encode("latin-1"), "invalid_json"),
    "NUL": (b"\0" * 100, "invalid_json"),
    "lists nested deeply": (b"[" * 200_000, "invalid_json"),
    "objects nested deeply": (b'{"messages":' * 200_000, "invalid_json"),
    "a number of many digits": (b'{"messages": ' + b"9" * 5000 + b"}", "invalid_json"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_chat_is_refused(relay: Relay, demo: Demo, name: str) -> None:
    """The message says what is wrong, nothing is sent on, and the connection goes on."""
    body, code = BODIES[name]
    with relay.wire() as wire:
        wire.send(post(body))
        answer = wire.answer()
        assert answer.status == 400
        assert answer.error["code"] == code
        assert answer.error["type"] == "invalid_request_error"
        assert demo.requests() == []
        check_reuse(wire)


def test_deep_nesting_within_the_limit_passes(relay: Relay, demo: Demo) -> None:
    """What Python can read is the upstream's to judge."""
    deep: object = "x"
    for _ in range(200):
        deep = [deep]
    with relay.client() as client:
        assert chat(client, metadata=deep).status == 200
    assert demo.bodies()[0]["metadata"] == deep


PATHS = {
    "/v1/../v1/chat/completions": (400, "invalid_path"),
    "/v1/./chat/completions": (400, "invalid_path"),
    "/v1//chat/completions": (400, "invalid_path"),
    "//v1/chat/completions": (400, "invalid_path"),
    "//evil.example/v1/chat/completions": (400, "invalid_path"),
    "/v1/chat/completions/..": (400, "invalid_path"),
    "/v1/%2e%2e/chat/completions": (400, "invalid_path"),
    "/v1/%2E./chat/completions": (400, "invalid_path"),
    "/v1/..%2fadmin": (400, "invalid_path"),
    "/v1/files%2f..%2fadmin": (400, "invalid_path"),
    "/v1/%252e%252e/admin": (400, "invalid_path"),
    "/v1/..\\admin": (400, "invalid_path"),
    "/v1/%5c..%5cadmin": (400, "invalid_path"),
    "/v1/files/%00": (400, "invalid_path"),
    "/v1/models/../../admin": (400, "invalid_path"),
    "/v1/models/%2e%2e/admin": (400, "invalid_path"),
    "/nowhere": (404, "not_found"),
    "/v2/chat/completions": (404, "not_found"),
    "/": (405, "method_not_allowed"),
    "/v1": (404, "not_found"),
    "/v1/messages": (404, "not_found"),
    "/v1/responses": (404, "not_found"),
    "/v1/completions": (404, "not_found"),
    "/demo/requests": (404, "not_found"),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_elsewhere_is_refused(relay: Relay, demo: Demo, path: str) -> None:
    """Nothing but the routes under the base URL is ever asked of the upstream."""
    status, code = PATHS[path]
    with relay.wire() as wire:
        wire.send(post(b"{}", path=path))
        answer = wire.answer()
        assert (answer.status, answer.error["code"]) == (status, code)
        assert demo.requests() == []
        check_reuse(wire)


def test_an_absolute_url_does_not_choose_the_upstream(relay: Relay, demo: Demo) -> None:
    """A target with a foreign host is refused, one with our own is read as its path."""
    body = json.dumps(HELLO).encode()
    with relay.wire() as wire:
        wire.send(post(body, path="http://elsewhere.invalid/v1/chat/completions"))
        assert wire.answer().status in (400, 403)
    with relay.wire() as wire:
        wire.send(post(body, path=f"http://127.0.0.1:{relay.port}/v1/chat/completions"))
        assert wire.answer().status == 200
    assert len(demo.requests()) == 1
    relay.check_it_serves()


NAMES = {
    "evil.example": (403, "forbidden_host"),
    "evil.example:8000": (403, "forbidden_host"),
    "localhost.evil.example": (403, "forbidden_host"),
    "127.0.0.1.evil.example": (403, "forbidden_host"),
    "192.0.2.1": (403, "forbidden_host"),
    "0.0.0.0:8000": (403, "forbidden_host"),
    "127.0.0.1@evil.example": (403, "forbidden_host"),
    "evil.example#127.0.0.1": (403, "forbidden_host"),
    "127.0.0.1\r\nHost: evil.example": (403, "forbidden_host"),
    "evil.example\r\nHost: 127.0.0.1": (403, "forbidden_host"),
    "": (403, "forbidden_host"),
    "127.0.0.1": (200, None),
    "127.0.0.1:8000": (200, None),
    "localhost:1": (200, None),
    "LOCALHOST.": (200, None),
    "[::1]:8000": (200, None),
    "app.localhost": (200, None),
    "api.openai.com": (200, None),
    "iflow.internal": (200, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_only_names_of_this_machine_are_answered_to(relay: Relay, demo: Demo, name: str) -> None:
    """A page whose name was rebound to this machine sends its own name."""
    status, code = NAMES[name]
    with relay.wire() as wire:
        wire.send(GOOD.replace(b"Host: 127.0.0.1", b"Host: " + name.encode()))
        answer = wire.answer()
        assert answer.status == status, answer
        if code:
            assert answer.error["code"] == code
            assert demo.requests() == []
        check_reuse(wire)


ORIGINS = {
    "https://evil.example": 403,
    "http://127.0.0.1.evil.example": 403,
    "null": 403,
    "file://": 403,
    "http://localhost:3000": 200,
    "http://127.0.0.1:8080": 200,
    "https://[::1]:3000": 200,
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_only_pages_of_this_machine_may_call(relay: Relay, demo: Demo, origin: str) -> None:
    """An allowed page can read its answers; a foreign one spends nothing."""
    with relay.wire() as wire:
        wire.send(post(json.dumps(HELLO).encode(), f"Origin: {origin}"))
        answer = wire.answer()
        assert answer.status == ORIGINS[origin]
        allowed = answer.headers.get("access-control-allow-origin")
        if answer.status == 200:
            assert allowed == origin
            assert "Origin" in answer.headers["vary"]
            assert "origin" not in demo.headers()
        else:
            assert answer.error["code"] == "forbidden_origin"
            assert allowed is None
            assert demo.requests() == []
        check_reuse(wire)


def test_an_allowed_page_can_read_errors_too(relay: Relay) -> None:
    """A browser shows a script no answer without the CORS fields, not even an error."""
    with relay.wire() as wire:
        wire.send(post(b"{}", "Origin: http://localhost:3000"))
        answer = wire.answer()
    assert answer.status == 400
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:3000", 204), ("https://evil.example", 403)]
)
def test_a_preflight_is_answered(relay: Relay, demo: Demo, origin: str, status: int) -> None:
    """An allowed page is told yes, with the headers it wants; nothing is sent on."""
    sent = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-stainless-os",
    }
    with relay.client() as client:
        answer = client.options("/chat/completions", headers=sent)
        assert answer.status_code == status
        if status == 204:
            assert answer.content == b""
            assert answer.headers["access-control-allow-origin"] == origin
            assert "POST" in answer.headers["access-control-allow-methods"]
            assert "authorization" in answer.headers["access-control-allow-headers"]
        assert client.get("/models").status_code == 200
    assert demo.requests() == []
