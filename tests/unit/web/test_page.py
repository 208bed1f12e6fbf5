"""The page's routes: who gets an answer, which, and with what around it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.oauth_service import KeyedUpstream
from tests.e2e.servers import replies, stub
from tests.unit.web.browsing import LED, ORIGIN, OWN, Browser, make_plain, put_settings

from iflow_relay.web.assets import STATIC
from iflow_relay.web.guarding import SECURITY

KEY = "sk-0123456789abcdef"

READS = ("/ui/state", "/ui/upstreams", "/ui/models", "/ui/usage")
WRITES = (
    "/ui/login/key",
    "/ui/login/oauth",
    "/ui/login/oauth/paste",
    "/ui/login/oauth/cancel",
    "/ui/logout",
)


@pytest.fixture
def browser(home: Path) -> Browser:
    """A page of a relay that was never logged in."""
    return Browser(make_plain())


needs_page = pytest.mark.skipif(
    not (STATIC / "index.html").exists(), reason="there is no page to serve"
)


@needs_page
@pytest.mark.parametrize(
    "fields",
    [
        {},
        LED,
        LED | {"Sec-Fetch-Site": "none"},
        LED | {"Sec-Fetch-Site": "same-origin"},
        dict.fromkeys(OWN),
    ],
)
def test_the_page_is_served_to_whoever_is_led_to_it(
    browser: Browser, fields: dict[str, str | None]
) -> None:
    """Typed, linked or loaded again, with the token of this start in it and no other secret."""
    got = browser.ask("GET", "/", **{**dict.fromkeys(OWN), "X-Relay-Token": None, **fields})
    assert got.status == 200
    assert got.fields["content-type"] == "text/html; charset=utf-8"
    assert got.body.count(browser.page.token.reveal().encode()) == 1
    assert b"{{token}}" not in got.body


def test_each_start_has_a_token_of_its_own(home: Path) -> None:
    """So that a page of yesterday notices, and nobody can guess it."""
    one, two = Browser(make_plain()), Browser(make_plain())
    assert one.page.token != two.page.token
    assert len(one.page.token.reveal()) >= 32
    got = one.get("/ui/state", **{"X-Relay-Token": two.page.token.reveal()})
    assert (got.status, got.error) == (403, "forbidden_origin")
    assert got.json["error"]["message"].startswith("Load the page again")


FOREIGN = "https://evil.example"
SITES: dict[str, Mapping[str, str | None]] = {
    "own": OWN,
    "no browser": dict.fromkeys(OWN),
    "typed": {**LED, "Sec-Fetch-Site": "none", "Origin": None},
    "a link": {**LED, "Origin": None},
    "a form": {**LED, "Origin": FOREIGN},
    "a form without origin": {**LED, "Origin": "null"},
    "a frame": {**LED, "Sec-Fetch-Dest": "iframe", "Origin": None},
    "a foreign script": {**OWN, "Sec-Fetch-Site": "cross-site", "Origin": FOREIGN},
    "a neighbour": {**OWN, "Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9000"},
    "an old browser abroad": {**dict.fromkeys(OWN), "Origin": FOREIGN},
    "an image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Origin": None},
}
WITHIN = ("own", "no browser", "typed")


@pytest.mark.parametrize("token", [True, False])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("path", [*READS, *WRITES])
def test_a_call_is_answered_to_the_page_alone(
    browser: Browser, path: str, site: str, token: bool
) -> None:
    """Whatever a foreign page does, with or without a token that it could not have."""
    fields = {**SITES[site], **({} if token else {"X-Relay-Token": None})}
    got = browser.get(path, **fields) if path in READS else browser.post(path, **fields)
    if token and site in WITHIN:
        assert got.status != 403
    else:
        assert (got.status, got.error) == (403, "forbidden_origin")


@pytest.mark.parametrize("site", SITES)
def test_a_callback_may_come_from_anywhere_as_a_navigation(browser: Browser, site: str) -> None:
    """The login service sends the browser; no script and no frame stands in for it."""
    got = browser.get("/oauth2callback?code=a&state=b", **{**SITES[site], "X-Relay-Token": None})
    allowed = (*WITHIN, "a link")
    assert got.status == (400 if site in allowed else 403)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *(("POST", path, "GET, HEAD") for path in READS),
        *(("GET", path, "POST") for path in WRITES),
        *(("HEAD", path, "POST") for path in WRITES),
        ("PUT", "/ui/login/key", "POST"),
        ("DELETE", "/ui/state", "GET, HEAD"),
        ("OPTIONS", "/ui/state", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("HEAD", "/oauth2callback", "GET"),
        ("POST", "/oauth2callback", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    browser: Browser, method: str, path: str, allowed: str
) -> None:
    """405 with Allow; a preflight among them, as nobody else is ever let in."""
    got = browser.ask(method, path)
    assert (got.status, got.fields["allow"]) == (405, allowed)
    assert not any(name.startswith("access-control") for name in got.fields)


@pytest.mark.parametrize(
    "path",
    ["/ui/", "/ui/nothing", "/ui/state/", "/ui/state/x", "/ui/../state", "/ui/%73tate", "/other"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_other_paths_are_not_there(browser: Browser, method: str, path: str) -> None:
    """404, whatever is done there."""
    got = browser.ask(method, path)
    assert got.status == 404
    assert got.body == b"" if method == "HEAD" else got.error == "not_found"


def test_head_is_get_without_its_body(browser: Browser) -> None:
    """With the same fields."""
    head, got = (browser.ask(method, "/ui/upstreams") for method in ("HEAD", "GET"))
    assert (head.status, head.fields, head.body) == (got.status, got.fields, b"")
    assert got.fields["content-length"] == str(len(got.body))


def test_every_answer_is_closed_to_other_pages(browser: Browser) -> None:
    """Good ones, errors, files and the callback's page alike; and none lets another origin in."""
    for method, path in (
        *(("GET", path) for path in (*READS, "/", "/ui/nothing", "/ui/page.js", "/oauth2callback")),
        *(("POST", path) for path in WRITES),
        ("PUT", "/ui/state"),
    ):
        got = browser.ask(method, path)
        for name, value in SECURITY:
            if (path, name) != ("/oauth2callback", b"Content-Security-Policy"):
                found = got.fields[name.decode().lower()]
                assert found in (value.decode(), "no-cache"), (path, name)
        assert "default-src 'none'" in got.fields["content-security-policy"]
        assert "frame-ancestors 'none'" in got.fields["content-security-policy"]
        assert not any(name.startswith("access-control") for name in got.fields)
        assert "set-cookie" not in got.fields


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{", "application/json", 400, "invalid_json"),
        (b"\xff", "application/json", 400, "invalid_json"),
        (b"[" * 50_000, "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 400, "invalid_request"),
        (b"{" + b" " * (64 << 10) + b"}", "application/json", 413, "request_too_large"),
    ],
)
def test_what_is_posted_has_to_be_a_json_object(
    browser: Browser, path: str, body: bytes, media: str | None, status: int, code: str
) -> None:
    """Nothing else is ever looked into."""
    got = browser.ask("POST", path, body, **{"Content-Type": media})
    assert (got.status, got.error) == (status, code)


@pytest.mark.parametrize(
    ("path", "document", "param"),
    [
        ("/ui/login/key", {"key": 1}, "key"),
        ("/ui/login/key", {"key": ["sk-x"]}, "key"),
        ("/ui/login/key", {"key": "k", "upstream": 1}, "upstream"),
        ("/ui/login/key", {"key": "k", "base_url": {}}, "base_url"),
        ("/ui/login/key", {"key": "k", "model": False}, "model"),
        ("/ui/login/key", {"key": "k", "check": "no"}, "check"),
        ("/ui/login/key", {"key": "k", "replace_damaged": 1}, "replace_damaged"),
        ("/ui/login/oauth", {"replace_damaged": "yes"}, "replace_damaged"),
        ("/ui/login/oauth/paste", {}, "url"),
        ("/ui/login/oauth/paste", {"url": 1}, "url"),
        ("/ui/login/oauth/paste", {"url": " "}, "url"),
    ],
)
def test_a_member_of_a_wrong_type_is_named(
    browser: Browser, path: str, document: Any, param: str
) -> None:
    """And nothing is done."""
    got = browser.post(path, document)
    assert (got.status, got.error, got.json["error"]["param"]) == (400, "invalid_request", param)


def test_the_upstreams_known_by_name_are_listed(browser: Browser) -> None:
    """With all that the form needs, and no more."""
    listed = browser.get("/ui/upstreams").json["upstreams"]
    assert "deepseek" in [entry["name"] for entry in listed]
    assert all(
        entry.keys() == {"name", "title", "base_url", "needs_key", "keys_at"} for entry in listed
    )


def test_the_builtin_table_is_shown(home: Path) -> None:
    """Where the upstream is iFlow: id, name and note."""
    put_settings(home, apiKey=KEY)
    got = Browser(make_plain()).get("/ui/models").json
    assert got["source"] == "builtin"
    assert got["models"][0].keys() == {"id", "name", "description"}


def test_the_upstreams_own_list_is_shown(home: Path) -> None:
    """Asked for with the key that is in use."""
    with KeyedUpstream({KEY}) as upstream:
        put_settings(home, apiKey=KEY, baseUrl=upstream.base_url)
        got = Browser(make_plain()).get("/ui/models").json
        assert upstream.count(KEY, 200) == 1
    assert got["source"] == "upstream"
    assert got["models"] == [{"id": "glm-4.7"}, {"id": "qwen3-coder-plus"}]


def test_a_file_of_models_is_shown(home: Path, tmp_path: Path) -> None:
    """It stands in for all else."""
    path = tmp_path / "models.toml"
    path.write_text('[[model]]\nid = "mine"\nname = "Mine"\ncontext_length = 5\n')
    put_settings(home, apiKey=KEY)
    got = Browser(make_plain(models=str(path))).get("/ui/models").json
    assert got == {"models": [{"id": "mine", "name": "Mine"}], "source": "file"}


def test_agents_are_shown_after_them(home: Path) -> None:
    """As clients get the list."""
    put_settings(home, apiKey=KEY)
    inside = make_plain()
    inside.agents = ("iflow/qwen",)
    assert Browser(inside).get("/ui/models").json["models"][-1] == {"id": "iflow/qwen"}


def test_there_are_no_models_without_a_login(browser: Browser) -> None:
    """The reason is told."""
    got = browser.get("/ui/models")
    assert (got.status, got.error) == (401, "not_logged_in")


def test_an_upstream_that_refuses_the_list_is_quoted_without_the_key(home: Path) -> None:
    """Some repeat the key that they do not know."""
    said = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    answer = b"HTTP/1.1 401 X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(said)
    with stub(replies(answer + said)) as upstream:
        put_settings(home, apiKey=KEY, baseUrl=upstream.base_url)
        got = Browser(make_plain()).get("/ui/models")
    assert got.status == 401
    assert got.json["error"]["message"] == "Incorrect API key provided: sk-…cdef"


def test_an_upstream_that_is_not_there_is_told(home: Path) -> None:
    """As unreachable."""
    with stub() as upstream:
        gone = upstream.base_url
    put_settings(home, apiKey=KEY, baseUrl=gone)
    got = Browser(make_plain()).get("/ui/models")
    assert (got.status, got.error) == (502, "upstream_unreachable")


def test_a_fault_of_our_own_is_told_and_logged_without_what_was_sent(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where the fault's own words would repeat it."""

    def fail(*_: object) -> None:
        raise ValueError(f"no idea what {KEY} is")

    monkeypatch.setattr("iflow_relay.web.keys.read_key_login", lambda **_: fail())
    with caplog.at_level(logging.DEBUG):
        got = browser.post("/ui/login/key", {"key": KEY})
    assert (got.status, got.error) == (500, "internal_error")
    assert KEY not in caplog.text + got.body.decode()
    assert "ValueError" in caplog.text
    assert "POST /ui/login/key" in caplog.text
    assert browser.page.token.reveal() not in caplog.text
    assert ORIGIN in caplog.text


def test_what_fails_because_the_relay_ends_is_no_fault(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever presses Ctrl-C with the page open is shown no traceback."""

    def fail(*_: object) -> None:
        raise RuntimeError("Executor shutdown has been called")

    monkeypatch.setattr("iflow_relay.web.keys.read_key_login", lambda **_: fail())
    browser.page.close()
    with caplog.at_level(logging.WARNING):
        got = browser.post("/ui/login/key", {"key": KEY})
    assert (got.status, got.error) == (503, "relay_ends")
    assert caplog.text == ""


def test_a_file_is_asked_for_again_and_not_sent_again(browser: Browser) -> None:
    """By its tag."""
    name = next(path.name for path in STATIC.glob("*.js"))
    first = browser.get(f"/ui/{name}", **{"X-Relay-Token": None})
    assert (first.status, first.fields["cache-control"]) == (200, "no-cache")
    again = browser.get(f"/ui/{name}", **{"If-None-Match": first.fields["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.fields
    foreign = browser.get(f"/ui/{name}", **SITES["an image"])
    assert foreign.status == 403
