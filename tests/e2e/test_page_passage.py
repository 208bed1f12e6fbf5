"""The way to the relay's own page: who gets there, and that nobody else sees what is said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import CLIENT_KEY, Relay, free_port
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY

LOCAL = "my-own-key"
PAGES = ("/", "/ui/state", "/ui/page.js", "/ui/nothing", "/oauth2callback?code=c&state=s")


def open_page(relay: Relay, path: str = "/", **fields: str) -> httpx2.Response:
    """What a browser that types the address gets."""
    address = f"http://127.0.0.1:{relay.port}{path}"
    return httpx2.get(address, headers=fields, trust_env=False, timeout=20)


def read_flows(path: Path) -> list[HTTPFlow]:
    """The recorded flows."""
    with path.open("rb") as file:
        return [flow for flow in FlowReader(file).stream() if isinstance(flow, HTTPFlow)]


def calls(paths: Iterable[str]) -> list[str]:
    """The paths without the one by which a test sees that the relay serves."""
    return [path for path in paths if path != "/v1/health"]


def test_the_page_is_there(relay: Relay) -> None:
    """At the address that a person opens, and at no other."""
    answer = open_page(relay)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert open_page(relay, "/v1/").status_code == 404


def test_nothing_of_the_page_is_recorded(start_relay: StartRelay, tmp_path: Path) -> None:
    """A key that is typed there would else lie in a flow file, and every look be a line."""
    flows = tmp_path / "flows"
    relay = start_relay(arguments=["-w", str(flows), "--flow-detail", "4"])
    for path in PAGES:
        open_page(relay, path)
    login = {"key": "sk-typed-into-the-page", "base_url": "http://127.0.0.1:9/v1", "check": False}
    with relay.client() as client:
        client.post(f"http://127.0.0.1:{relay.port}/ui/login/key", json=login)
        assert chat(client).status == 200
    relay.stop()
    assert calls(flow.request.path for flow in read_flows(flows)) == ["/v1/chat/completions"]
    log = relay.log()
    assert "sk-typed" not in log
    assert "/ui/" not in log
    assert "oauth2callback" not in log


def test_mitmweb_lists_calls_and_no_page(start_relay: StartRelay) -> None:
    """The page asks for its state every few seconds."""
    port = free_port()
    relay = start_relay(
        "web_open_browser=false", f"web_port={port}", "web_password=pw", program="mitmweb"
    )
    for path in PAGES:
        open_page(relay, path)
    with relay.client() as client:
        assert chat(client).status == 200
    listed = httpx2.get(
        f"http://127.0.0.1:{port}/flows", headers={"Authorization": "Bearer pw"}, trust_env=False
    )
    assert calls(flow["request"]["path"] for flow in listed.json()) == ["/v1/chat/completions"]


def test_the_page_is_there_through_the_proxy(relay: Relay) -> None:
    """At the name that is nobody else's."""
    with httpx2.Client(proxy=relay.proxy_url, trust_env=False, timeout=20) as client:
        assert client.get("http://iflow.internal/").status_code == 200
        assert client.get("http://iflow.internal/ui/page.js").status_code == 200


def test_a_host_of_somebody_elses_has_no_page(relay: Relay) -> None:
    """What an app believes to be OpenAI's does not show what is behind it."""
    with relay.intercepted() as client:
        for path in PAGES:
            answer = client.get(f"https://api.openai.com{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert open_page(relay, Host="api.openai.com").status_code == 404


def test_a_rebound_name_has_no_page(relay: Relay) -> None:
    """A page of that name could read all of it."""
    answer = open_page(relay, Host="rebound.test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden_host")


@pytest.fixture
def guarded(start_relay: StartRelay) -> Relay:
    """A relay that wants keys of its own."""
    return start_relay(f"iflow_local_keys={LOCAL}")


@pytest.mark.parametrize("path", PAGES)
def test_where_keys_are_wanted_the_page_wants_one_too(guarded: Relay, path: str) -> None:
    """A browser asks its user, and sends what it was told as the password beside any name."""
    answer = open_page(guarded, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    for password, opened in ((LOCAL, True), ("another", False), (KEY, False)):
        address = f"http://127.0.0.1:{guarded.port}{path}"
        got = httpx2.get(address, auth=("me", password), trust_env=False, timeout=20)
        assert (got.status_code != 401) is opened


def test_a_browsers_password_opens_the_page_alone(guarded: Relay) -> None:
    """It is sent along with whatever a foreign page makes the browser load."""
    answer = httpx2.get(f"{guarded.base_url}/models", auth=("me", LOCAL), trust_env=False)
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


def test_a_foreign_page_loads_nothing(relay: Relay, demo: Demo) -> None:
    """An image of an address that costs, as a browser asks for it."""
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    for path in ("/v1/models", "/v1/images/generations", "/v1/chat/completions"):
        answer = open_page(relay, path, **foreign)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden_origin")
    assert demo.requests() == []
    assert open_page(relay, "/health", **foreign).status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", "null"])
def test_no_other_origin_reads_or_changes_anything(relay: Relay, origin: str) -> None:
    """Not even a page on this machine, which may call the API."""
    before = relay.settings.read_text("utf-8")
    body: dict[str, Any] = {"key": "sk-theirs", "base_url": "http://127.0.0.1:9/v1", "check": False}
    with relay.client() as client:
        for method, path in (
            ("GET", "/ui/state"),
            ("OPTIONS", "/ui/state"),
            ("POST", "/ui/login/key"),
            ("OPTIONS", "/ui/login/key"),
            ("POST", "/ui/logout"),
        ):
            answer = client.request(
                method,
                f"http://127.0.0.1:{relay.port}{path}",
                content=json.dumps(body),
                headers={
                    "Origin": origin,
                    "Content-Type": "text/plain",
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "x-relay-token",
                },
            )
            assert answer.status_code in (403, 405), (method, path, answer.text)
            assert "access-control-allow-origin" not in answer.headers
    assert relay.settings.read_text("utf-8") == before


def test_errors_are_remembered_for_the_page_and_not_those_of_its_own(relay: Relay) -> None:
    """What the client's key was does not matter, and is nowhere."""
    page = open_page(relay).text
    token = page.split('name="relay-token" content="')[1].split('"')[0]
    with relay.client() as client:
        told = chat(client, "status=401")
    state = open_page(relay, "/ui/state", **{"X-Relay-Token": token}).json()
    assert state["troubles"][0]["status"] == told.status == 401
    assert state["troubles"][0]["message"] == told.error["message"]
    text = json.dumps(state)
    assert KEY not in text
    assert CLIENT_KEY not in text
