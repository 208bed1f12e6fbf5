"""A login by OAuth on the page, with a service that answers on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.oauth_service import OAuthService, read_query, with_query
from tests.e2e.programs import wait_until
from tests.unit.web.browsing import (
    NOW,
    ORIGIN,
    Browser,
    Clock,
    Got,
    make_asked,
    make_plain,
    put_settings,
    read_said,
)

from iflow_relay.login.oauth import PATIENCE

SETTINGS = "~/.iflow/settings.json"


@pytest.fixture
def service() -> Iterator[OAuthService]:
    """The login service."""
    with OAuthService() as service:
        yield service
        assert service.complaints == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(home: Path, service: OAuthService, clock: Clock) -> Browser:
    """A page of a relay that was never logged in, and could be by OAuth."""
    return Browser(make_plain(service.environment), service.environment, clock)


def begin(browser: Browser) -> str:
    """The address of the page on which to agree."""
    got = browser.post("/ui/login/oauth")
    assert got.status == 200
    url: str = got.json["url"]
    return url


def login_of(browser: Browser) -> Any:
    return browser.get("/ui/state").json["login"]


def settings_of(home: Path) -> Any:
    return json.loads((home / ".iflow" / "settings.json").read_text("utf-8"))


def test_without_a_client_secret_it_is_unavailable(home: Path) -> None:
    """The reason and the way out are shown before anybody tries."""
    browser = Browser(make_plain())
    oauth = login_of(browser)["oauth"]
    assert oauth["available"] is False
    assert "IFLOW_OAUTH_CLIENT_SECRET" in oauth["reason"]
    got = browser.post("/ui/login/oauth")
    assert (got.status, got.error) == (409, "oauth_unavailable")
    assert got.json["error"]["message"] == oauth["reason"]


def test_a_round_trip(browser: Browser, home: Path, service: OAuthService) -> None:
    """Begun, shown as waiting, agreed to, and in use at once."""
    url = begin(browser)
    login = login_of(browser)
    assert login["oauth"] == {"available": True, "reason": None}
    assert login["pending"] == {"url": url, "until": NOW + PATIENCE, "phase": "waiting"}
    assert read_query(url)["redirect"] == f"{ORIGIN}/oauth2callback"

    callback = service.authorize(url)
    assert callback.startswith(f"{ORIGIN}/oauth2callback?")
    got = browser.follow(callback)
    assert got.status == 200
    assert got.fields["content-type"].startswith("text/html")

    written = settings_of(home)
    assert (written["apiKey"], written["selectedAuthType"]) == (service.key, "oauth-iflow")
    state = browser.get("/ui/state").json
    assert state["working"] is True
    assert state["key"]["expires"] == NOW + service.behaviour.expires_in  # type: ignore[operator]
    assert state["login"]["pending"] is None
    last = state["login"]["last"]
    assert (last["way"], last["ok"], last["code"], last["when"]) == ("oauth", True, None, NOW)
    assert f"is in {SETTINGS}" in last["message"]


def test_the_callback_comes_to_where_the_page_was_reached(
    browser: Browser, service: OAuthService
) -> None:
    """So that it finds its way back through a forwarded port."""
    asked = make_asked("POST", "/ui/login/oauth", b"{}", {"Content-Type": "application/json"})
    fields = (*asked.fields, (b"X-Relay-Token", browser.page.token.reveal().encode()))
    for origin in ("http://127.0.0.1:9123", "http://iflow.internal"):
        asked = asked._replace(fields=fields, origin=origin)
        url = read_said(asyncio.run(browser.page.answer(asked))).json["url"]
        assert read_query(url)["redirect"] == f"{origin}/oauth2callback"


def test_denied(browser: Browser, home: Path, service: OAuthService) -> None:
    """It ends, nothing is written, and the page says so."""
    got = browser.follow(service.authorize(begin(browser), deny=True))
    assert got.status == 400
    login = login_of(browser)
    assert login["pending"] is None
    assert (login["last"]["ok"], login["last"]["code"]) == (False, "access_denied")
    assert not (home / ".iflow" / "settings.json").exists()


def test_what_was_denied_is_not_agreed_to_later(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """The page has said that it is over; another tab of it changes nothing any more."""
    url = begin(browser)
    browser.follow(service.authorize(url, deny=True))
    assert browser.follow(service.authorize(url)).status == 400
    assert service.calls["/oauth/token"] == 0
    assert login_of(browser)["last"]["code"] == "access_denied"
    assert not (home / ".iflow" / "settings.json").exists()


@pytest.mark.parametrize("state", ["foreign", "", None])
def test_a_callback_of_somebody_elses_login_ends_nothing(
    browser: Browser, home: Path, service: OAuthService, state: str | None
) -> None:
    """Anybody can lead a browser here; the login under way goes on."""
    callback = service.authorize(begin(browser))
    assert browser.follow(with_query(callback, state=state)).status == 400
    assert service.calls["/oauth/token"] == 0
    assert login_of(browser)["pending"]["phase"] == "waiting"
    assert browser.follow(callback).status == 200
    assert settings_of(home)["apiKey"] == service.key


def test_a_callback_without_a_login_is_refused(browser: Browser, service: OAuthService) -> None:
    """As one that nobody asked for."""
    assert browser.follow(f"{ORIGIN}/oauth2callback?code=a&state=b").status == 400
    assert service.calls["/oauth/token"] == 0


def test_a_callback_works_once(browser: Browser, home: Path, service: OAuthService) -> None:
    """Loaded again, it is told that it was used; what was written stays."""
    callback = service.authorize(begin(browser))
    assert browser.follow(callback).status == 200
    assert browser.follow(callback).status == 400
    assert service.grants["authorization_code"] == 1
    assert login_of(browser)["last"]["ok"] is True
    assert settings_of(home)["apiKey"] == service.key


def test_nobody_came_in_time(
    browser: Browser, home: Path, service: OAuthService, clock: Clock
) -> None:
    """After five minutes it is given up, and a callback comes too late."""
    callback = service.authorize(begin(browser))
    clock.now += PATIENCE - 1
    assert login_of(browser)["pending"]["phase"] == "waiting"
    clock.now += 2
    login = login_of(browser)
    assert login["pending"] is None
    assert login["last"]["code"] == "login_expired"
    assert browser.follow(callback).status == 400
    assert service.calls["/oauth/token"] == 0
    assert not (home / ".iflow" / "settings.json").exists()


def test_a_callback_that_is_late_is_told_without_anybody_looking(
    browser: Browser, service: OAuthService, clock: Clock
) -> None:
    """The page may have been closed."""
    callback = service.authorize(begin(browser))
    clock.now += PATIENCE + 1
    assert browser.follow(callback).status == 400
    assert login_of(browser)["last"]["code"] == "login_expired"


def test_a_new_login_takes_the_place_of_the_old(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """The old one's callback is foreign by then; the new one's is good."""
    old = service.authorize(begin(browser))
    new = begin(browser)
    assert browser.follow(old).status == 400
    assert login_of(browser)["pending"]["url"] == new
    assert browser.follow(service.authorize(new)).status == 200
    assert settings_of(home)["apiKey"] == service.key
    assert service.grants["authorization_code"] == 1


def test_a_login_can_be_given_up(browser: Browser, service: OAuthService) -> None:
    """Its callback comes to nothing then."""
    callback = service.authorize(begin(browser))
    assert browser.post("/ui/login/oauth/cancel").json == {"ok": True}
    assert login_of(browser)["pending"] is None
    assert browser.follow(callback).status == 400
    assert service.calls["/oauth/token"] == 0
    assert browser.post("/ui/login/oauth/cancel").json == {"ok": True}


def exchange_meanwhile(browser: Browser, service: OAuthService, *calls: str) -> list[Got]:
    """Follow a callback, and make these calls while the service holds its answer back."""
    callback = service.authorize(begin(browser))

    async def run() -> list[Got]:
        service.gate.clear()
        fields = dict.fromkeys(("Origin", "Sec-Fetch-Site"))
        following = asyncio.create_task(
            browser.wait("GET", callback.removeprefix(ORIGIN), **fields)
        )
        await asyncio.to_thread(wait_until, lambda: service.waiting > 0, "the code is exchanged")
        got = []
        for call in calls:
            method, path = call.split()
            got.append(
                await browser.wait(method, path, b"{}", **{"Content-Type": "application/json"})
            )
        service.gate.set()
        return [await following, *got]

    return asyncio.run(run())


def test_while_the_code_is_exchanged_that_is_shown(browser: Browser, service: OAuthService) -> None:
    """The page answers meanwhile."""
    followed, state = exchange_meanwhile(browser, service, "GET /ui/state")
    assert state.json["login"]["pending"]["phase"] == "exchanging"
    assert followed.status == 200


@pytest.mark.parametrize("call", ["POST /ui/login/oauth/cancel", "POST /ui/login/oauth"])
def test_what_was_given_up_while_it_was_exchanged_is_not_written(
    browser: Browser, home: Path, service: OAuthService, call: str
) -> None:
    """Whoever gives it up means it; a new login waits on undisturbed."""
    followed, done, state = exchange_meanwhile(browser, service, call, "GET /ui/state")
    assert (followed.status, done.status) == (400, 200)
    assert not (home / ".iflow" / "settings.json").exists()
    pending = state.json["login"]["pending"]
    assert login_of(browser)["pending"] == pending
    assert login_of(browser)["last"] is None
    assert (pending is None) is (call == "POST /ui/login/oauth/cancel")


def test_pasting_the_address_does_the_same(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """For a browser on another machine, whose way back leads nowhere."""
    callback = service.authorize(begin(browser))
    got = browser.post("/ui/login/oauth/paste", {"url": f" {callback}\n"})
    assert got.json == {"ok": True}
    assert settings_of(home)["apiKey"] == service.key


@pytest.mark.parametrize("pasted", ["rubbish", "https://iflow.cn/", "?code=a&state=b", "\u2028"])
def test_pasting_something_else_ends_nothing(
    browser: Browser, service: OAuthService, pasted: str
) -> None:
    """One looks again for the right address."""
    callback = service.authorize(begin(browser))
    got = browser.post("/ui/login/oauth/paste", {"url": pasted})
    assert got.status == 400
    assert got.error in ("state_mismatch", "login_refused", "invalid_request")
    assert login_of(browser)["pending"]["phase"] == "waiting"
    assert browser.post("/ui/login/oauth/paste", {"url": callback}).status == 200


def test_pasting_without_a_login_is_refused(browser: Browser) -> None:
    """There is nothing that it could belong to."""
    got = browser.post("/ui/login/oauth/paste", {"url": f"{ORIGIN}/oauth2callback?code=a&state=b"})
    assert (got.status, got.error) == (400, "state_mismatch")


@pytest.mark.parametrize(
    ("fault", "at", "code"),
    [
        ("success_false", "token", "login_service_failed"),
        ("down", "token", "login_service_failed"),
        ("hang_up", "token", "login_service_failed"),
        ("garbage", "user_info", "login_service_failed"),
        ("html", "token", "login_service_failed"),
        ("invalid_grant", "token", "login_refused"),
        ("invalid_client", "token", "oauth_unavailable"),
        ("unauthorized", "user_info", "login_refused"),
    ],
)
def test_what_the_service_says_against_it_is_told(
    browser: Browser, home: Path, service: OAuthService, fault: str, at: str, code: str
) -> None:
    """On the callback's page and on the relay's; nothing is written."""
    callback = service.authorize(begin(browser))
    service.behave(fault=fault, at=at)
    assert browser.follow(callback).status == 400
    login = login_of(browser)
    assert login["pending"] is None
    assert (login["last"]["ok"], login["last"]["code"]) == (False, code)
    assert not (home / ".iflow" / "settings.json").exists()


def test_a_damaged_file_is_found_before_anybody_logs_in(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """And replaced only after asking, with the old one kept."""
    path = put_settings(home)
    path.write_text("{not json")
    got = browser.post("/ui/login/oauth")
    assert (got.status, got.error) == (409, "settings_damaged")
    got = browser.post("/ui/login/oauth", {"replace_damaged": True})
    assert browser.follow(service.authorize(got.json["url"])).status == 200
    assert settings_of(home)["apiKey"] == service.key
    assert "The damaged file was kept as" in login_of(browser)["last"]["message"]


def test_a_file_that_is_damaged_meanwhile_is_not_replaced(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """Nobody was asked."""
    path = put_settings(home)
    callback = service.authorize(begin(browser))
    path.write_text("{not json")
    assert browser.follow(callback).status == 400
    assert login_of(browser)["last"]["code"] == "settings_damaged"
    assert path.read_text() == "{not json"


def test_what_goes_before_it_is_said(home: Path, service: OAuthService) -> None:
    """With the news that it was written."""
    environ = service.environment | {"IFLOW_BASE_URL": "https://h.example/v1"}
    browser = Browser(make_plain(environ), environ)
    browser.follow(service.authorize(begin(browser)))
    assert "environment IFLOW_BASE_URL" in login_of(browser)["last"]["message"]


def test_the_answer_speaks_the_browsers_language(browser: Browser, service: OAuthService) -> None:
    """English or Chinese."""
    callback = service.authorize(begin(browser))
    bad = with_query(callback, state="foreign")
    chinese = browser.follow(bad, **{"Accept-Language": "zh-CN,zh;q=0.9"}).body.decode()
    english = browser.follow(bad, **{"Accept-Language": "en-GB"}).body.decode()
    assert 'lang="zh' in chinese
    assert 'lang="en' in english


def test_logging_out_removes_all_that_it_wrote(
    browser: Browser, home: Path, service: OAuthService
) -> None:
    """Tokens and the date among it."""
    path = put_settings(home, theme="Default")
    browser.follow(service.authorize(begin(browser)))
    got = browser.post("/ui/logout").json
    assert {"apiKey", "oauth_access_token", "oauth_refresh_token"} <= set(got["removed"])
    assert json.loads(path.read_text()) == {"theme": "Default"}
