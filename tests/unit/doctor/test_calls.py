"""What an upstream answers to the question for its models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.e2e.servers import read_request, stub

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.doctor.calls import NEW_KEY, Listed, list_models, open_client
from iflow_relay.next_proxy import parse_proxy
from iflow_relay.session import Upstream

KEY = "sk-0123456789abcdef"
MODELS = {"object": "list", "data": [{"id": "a"}, {"id": "b"}]}


def no_tls() -> Any:
    """Nobody asks for it here."""
    raise AssertionError


def render(status: int, body: Any, fields: Mapping[str, str]) -> bytes:
    """An answer as it is on the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join((*lines, "", "")).encode() + data


def ask(
    status: int, body: Any, path: str = "/v1", agent: str = "auto", **fields: str
) -> tuple[Listed, bytes]:
    """What comes of an answer, and the request that it was an answer to."""
    asked: list[bytes] = []

    def play(connection: Any) -> None:
        asked.append(read_request(connection))
        connection.sendall(render(status, body, fields))

    with stub(play) as server:
        base = parse_base_url(f"http://127.0.0.1:{server.port}{path}")
        upstream = Upstream(base, Secret(KEY), None, {"api_key": "settings.json apiKey"})
        with open_client(upstream, None, no_tls, agent) as client:
            return list_models(client, upstream), asked[0]


def test_a_list_of_models_is_as_it_should_be() -> None:
    """It is asked for with the key, and as the relay would."""
    listed, request = ask(200, MODELS)
    assert listed.models == ("a", "b")
    assert str(listed.verdict.status) == "ok"
    assert listed.verdict.found.startswith("2 models, ")
    assert request.startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}".encode() in request.lower()
    assert b"user-agent: iflow-relay\r\n" in request.lower()
    assert b"user-agent: mine\r\n" in ask(200, MODELS, agent="mine")[1].lower()


ANSWERS: dict[str, tuple[int, Any, str, str]] = {
    "no list": (404, b"", "ok", "has no list of models (404)"),
    "no such method": (405, {"error": "x"}, "ok", "has no list of models (405)"),
    "a wrong key": (401, {"error": {"message": "bad key"}}, "failure", "refused: bad key"),
    "a key without rights": (403, {"message": "not you"}, "failure", "refused: not you"),
    "iFlow's wrong key": (200, {"status": "434", "msg": "Invalid"}, "failure", "refused: Invalid"),
    "no money": (402, {"error": {"message": "pay"}}, "failure", "pay"),
    "too often": (429, {"error": {"message": "slow"}}, "warning", "slow"),
    "trouble": (500, {"error": {"message": "oh"}}, "failure", "oh"),
    "a web page": (200, b"<html>", "failure", "a web page"),
    "no JSON": (200, b"hello", "failure", "is no JSON"),
    "no data": (200, {"x": 1}, "failure", "has no data in it"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_any_other_answer_is_told_for_what_it_is(name: str) -> None:
    """With something to do about it."""
    status, body, expected, found = ANSWERS[name]
    verdict = ask(status, body)[0].verdict
    assert str(verdict.status) == expected
    assert found in verdict.found
    assert (verdict.advice != "") is (expected != "ok")


def test_the_refused_key_is_named_by_its_origin() -> None:
    """And never shown, though the upstream quotes it."""
    verdict = ask(401, {"error": {"message": f"Incorrect API key: {KEY}"}})[0].verdict
    assert "the key (from settings.json apiKey) is refused" in verdict.found
    assert "sk-…cdef" in verdict.found
    assert KEY not in str(verdict)
    assert verdict.advice == NEW_KEY


def test_a_base_url_without_its_path_is_a_warning() -> None:
    """There 404 most likely means that /v1 is missing."""
    verdict = ask(404, b"", path="")[0].verdict
    assert str(verdict.status) == "warning"
    assert verdict.advice.endswith("/v1")


def test_a_redirect_is_not_followed_with_the_key() -> None:
    """The advice names where it leads."""
    listed, _ = ask(307, b"", Location="http://elsewhere.invalid/v1/models")
    assert "points to http://elsewhere.invalid/v1/models" in listed.verdict.found


def test_an_upstream_that_hangs_up_is_a_failure() -> None:
    """It was there a moment ago."""
    with stub() as server:
        upstream = Upstream(parse_base_url(server.base_url), None, None, {})
        with open_client(upstream, None, no_tls, "auto") as client:
            verdict = list_models(client, upstream).verdict
    assert str(verdict.status) == "failure"
    assert verdict.found.startswith("none came: ")


def test_the_call_goes_through_the_proxy() -> None:
    """With its login."""
    asked: list[bytes] = []

    def play(connection: Any) -> None:
        asked.append(read_request(connection))
        connection.sendall(render(200, MODELS, {}))

    with stub(play) as server:
        proxy = parse_proxy(f"http://me:pass@127.0.0.1:{server.port}")
        upstream = Upstream(parse_base_url("http://api.example.com/v1"), Secret(KEY), None, {})
        with open_client(upstream, proxy, no_tls, "auto") as client:
            assert list_models(client, upstream).models == ("a", "b")
    assert asked[0].startswith(b"GET http://api.example.com/v1/models HTTP/1.1\r\n")
    assert b"\r\nproxy-authorization: basic " in asked[0].lower()
