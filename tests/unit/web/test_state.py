"""The document that the page shows: what it says in each state of things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.web.browsing import NOW, Browser, Plain, make_plain, put_settings

from iflow_relay import __version__, mark

KEY = "sk-0123456789abcdef"
SETTINGS = "~/.iflow/settings.json"


def state_of(inside: Plain, environ: dict[str, str] | None = None) -> Any:
    got = Browser(inside, environ).get("/ui/state")
    assert got.status == 200
    return got.json


def test_the_first_visit_finds_nothing(home: Path) -> None:
    """No credentials, no login, no errors; and what to do about it."""
    state = state_of(make_plain())
    assert state == {
        "version": __version__,
        "now": NOW,
        "working": False,
        "problem": {"code": "not_logged_in", "message": state["problem"]["message"]},
        "upstream": {
            "base_url": "https://apis.iflow.cn/v1",
            "origin": "default",
            "is_iflow": True,
        },
        "key": None,
        "model": None,
        "endpoint": "http://127.0.0.1:8000",
        "proxy": None,
        "hosts": ["iflow.internal", "api.openai.com"],
        "connections": {"tunnelled": 0, "intercepted": 0},
        "local_keys": False,
        "troubles": [],
        "overrides": [],
        "login": {
            "oauth": {"available": False, "reason": state["login"]["oauth"]["reason"]},
            "pending": None,
            "last": None,
        },
        "settings": {"path": SETTINGS, "can_log_out": False},
    }
    assert "iflow-relay login" in state["problem"]["message"]
    assert state["login"]["oauth"]["reason"]


def test_what_is_in_use_is_shown_with_where_it_came_from(home: Path) -> None:
    """The key as its mask alone."""
    put_settings(home, apiKey=KEY, baseUrl="https://h.example/v1", modelName="m")
    state = state_of(make_plain())
    assert state["working"] is True
    assert state["problem"] is None
    assert state["upstream"] == {
        "base_url": "https://h.example/v1",
        "origin": f"{SETTINGS} baseUrl",
        "is_iflow": False,
    }
    assert state["key"] == {
        "mask": "sk-…cdef",
        "origin": f"{SETTINGS} apiKey",
        "expires": None,
        "renewal": "none",
        "renewal_message": None,
    }
    assert state["model"] == {"name": "m", "origin": f"{SETTINGS} modelName"}


def test_a_server_of_this_machine_needs_no_key(home: Path) -> None:
    """It works without one."""
    put_settings(home, baseUrl="http://127.0.0.1:11434/v1")
    state = state_of(make_plain())
    assert (state["working"], state["key"], state["problem"]) == (True, None, None)


def oauth_settings(home: Path, expires: str) -> None:
    members = {
        "apiKey": KEY,
        "baseUrl": "https://apis.iflow.cn/v1",
        "selectedAuthType": "oauth-iflow",
        "oauth_refresh_token": "refresh-0123456789",
        "oauth_expires_at": expires,
    }
    put_settings(home, **members, **{mark.MEMBER: mark.mark(members)})


def test_the_end_of_a_key_and_its_renewal_are_shown(home: Path) -> None:
    """In seconds since 1970, with what the renewal last met."""
    oauth_settings(home, "2030-01-01T00:00:00+00:00")
    inside = make_plain()
    inside.renewal.state, inside.renewal.message = "retrying", "The service does not answer."
    state = state_of(inside)
    assert state["key"]["expires"] == 1_893_456_000
    assert state["key"]["renewal"] == "retrying"
    assert state["key"]["renewal_message"] == "The service does not answer."
    assert (state["working"], state["problem"]) == (True, None)
    assert state["settings"]["can_log_out"] is True


@pytest.mark.parametrize(
    ("is_over", "renewal", "working", "problem"),
    [
        (False, "refused", True, None),
        (True, "refused", False, "login_required"),
        (True, "running", True, None),
        (True, "retrying", True, None),
    ],
)
def test_a_renewal_that_was_refused_matters_once_the_key_is_over(
    home: Path, is_over: bool, renewal: Any, working: bool, problem: str | None
) -> None:
    """Until then the old key serves, and who renews still may succeed."""
    oauth_settings(home, "2030-01-01T00:00:00+00:00")
    inside = make_plain()
    inside.renewal.state, inside.renewal.is_over = renewal, is_over
    state = state_of(inside)
    assert state["working"] is working
    assert (state["problem"] or {}).get("code") == problem


def test_a_file_that_broke_is_told_while_the_last_good_key_serves(home: Path) -> None:
    """Working, with a problem."""
    path = put_settings(home, apiKey=KEY, baseUrl="https://h.example/v1")
    inside = make_plain()
    inside.session.refresh()
    path.write_text("{broken")
    state = state_of(inside)
    assert state["working"] is True
    assert state["problem"]["code"] == "settings_invalid"
    assert state["key"]["mask"] == "sk-…cdef"


def test_a_base_url_that_is_none_is_not_shown(home: Path) -> None:
    """It may hold a password."""
    put_settings(home, apiKey=KEY, baseUrl="https://me:hunter22@h.example/v1")
    browser = Browser(make_plain())
    state = browser.get("/ui/state").json
    assert state["upstream"] is None
    assert state["problem"]["code"] == "settings_invalid"
    assert state["key"]["mask"] == "sk-…cdef"
    assert b"hunter22" not in browser.seen[0].body


def test_what_goes_before_a_login_is_named(home: Path) -> None:
    """Else a login would seem to change nothing."""
    environ = {"IFLOW_API_KEY": KEY, "IFLOW_MODEL_NAME": "m"}
    state = state_of(make_plain(environ, base_url="https://h.example/v1"), environ)
    assert state["overrides"] == [
        {"value": "api_key", "origin": "environment IFLOW_API_KEY"},
        {"value": "base_url", "origin": "option iflow_base_url"},
        {"value": "model", "origin": "environment IFLOW_MODEL_NAME"},
    ]
    assert state["key"]["origin"] == "environment IFLOW_API_KEY"


def test_the_last_errors_are_told_newest_first(home: Path) -> None:
    """In the words that the client got, but for keys that an upstream repeated in them."""
    put_settings(home, apiKey=KEY)
    inside = make_plain(local_keys=["mine-is-a-local-key", "short"])
    inside.troubles.add(502, "upstream_unreachable", "No way there.", 1.0)
    inside.troubles.add(401, "upstream_unauthorized", f"{KEY} mine-is-a-local-key short", 2.0)
    state = state_of(inside)
    assert state["troubles"] == [
        {
            "when": 2.0,
            "status": 401,
            "code": "upstream_unauthorized",
            "message": "sk-…cdef mine-…-key short",
        },
        {"when": 1.0, "status": 502, "code": "upstream_unreachable", "message": "No way there."},
    ]
    assert state["local_keys"] is True


def test_where_it_listens_and_for_whom_is_told(home: Path) -> None:
    """What the set-up of programs is made of."""
    inside = make_plain(hosts=["api.openai.com", "*.example.com"])
    inside.endpoint, inside.proxy = "http://127.0.0.1:9000", "http://127.0.0.1:9080"
    inside.counts = {"tunnelled": 3, "intercepted": 4}
    state = state_of(inside)
    assert state["endpoint"] == "http://127.0.0.1:9000"
    assert state["proxy"] == "http://127.0.0.1:9080"
    assert state["hosts"] == ["api.openai.com", "*.example.com"]
    assert state["connections"] == {"tunnelled": 3, "intercepted": 4}


def test_only_what_a_login_wrote_can_be_logged_out(home: Path) -> None:
    """A key that somebody put there by hand is theirs."""
    path = put_settings(home, apiKey=KEY)
    browser = Browser(make_plain())
    assert browser.get("/ui/state").json["settings"]["can_log_out"] is False
    path.write_text("{broken")
    assert browser.get("/ui/state").json["settings"]["can_log_out"] is False


def test_a_file_elsewhere_is_named_whole(home: Path, tmp_path: Path) -> None:
    """The tilde stands only for the own home."""
    state = state_of(make_plain(settings=str(tmp_path / "s.json")))
    assert state["settings"]["path"] == str(tmp_path / "s.json")
