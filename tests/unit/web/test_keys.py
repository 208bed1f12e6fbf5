"""A login by key on the page: tried on a real upstream, written to a real file."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.oauth_service import KeyedUpstream
from tests.e2e.servers import replies, stub
from tests.unit.web.browsing import Browser, Got, make_plain, put_settings

GOOD = "sk-good-0123456789abcdef"
WRONG = "sk-wrong-0123456789abcdef"
SETTINGS = "~/.iflow/settings.json"


@pytest.fixture
def upstream() -> Iterator[KeyedUpstream]:
    """An upstream that takes one key."""
    with KeyedUpstream({GOOD}) as upstream:
        yield upstream


@pytest.fixture
def browser(home: Path) -> Browser:
    """A page of a relay that was never logged in."""
    return Browser(make_plain())


def settings_of(home: Path) -> Any:
    return json.loads((home / ".iflow" / "settings.json").read_text("utf-8"))


def form(upstream: KeyedUpstream, **members: object) -> dict[str, object]:
    return {"key": GOOD, "base_url": upstream.base_url, **members}


def test_a_wrong_key_then_the_right_one(
    browser: Browser, home: Path, upstream: KeyedUpstream
) -> None:
    """The wrong one is not written; the right one is in use at once."""
    got = browser.post("/ui/login/key", form(upstream, key=WRONG))
    assert (got.status, got.error) == (400, "key_refused")
    assert not (home / ".iflow" / "settings.json").exists()
    last = browser.get("/ui/state").json["login"]["last"]
    assert (last["way"], last["ok"], last["code"]) == ("key", False, "key_refused")

    got = browser.post("/ui/login/key", form(upstream, key=f"  {GOOD}\n", model="glm-4.7"))
    assert got.status == 200
    assert got.json.keys() == {"ok", "checked", "message", "repairs", "notices"}
    assert (got.json["ok"], got.json["checked"]) == (True, "accepted")
    assert (got.json["repairs"], got.json["notices"]) == ([], [])
    assert f"{SETTINGS} was written." in got.json["message"]
    written = settings_of(home)
    assert written["apiKey"] == GOOD
    assert written["baseUrl"] == upstream.base_url
    assert written["modelName"] == "glm-4.7"
    state = browser.get("/ui/state").json
    assert state["working"] is True
    assert state["key"]["mask"] == "sk-…cdef"
    assert state["login"]["last"]["ok"] is True
    assert state["settings"]["can_log_out"] is True


@pytest.mark.parametrize(
    ("members", "code", "word"),
    [
        ({"key": "", "upstream": "deepseek"}, "key_refused", "empty"),
        ({"key": " ", "upstream": "deepseek"}, "key_refused", "empty"),
        ({"upstream": "deepseek"}, "key_refused", "empty"),
        ({"key": "schlüssel-0123456789", "upstream": "deepseek"}, "key_refused", "ASCII"),
        ({"key": "two words", "upstream": "deepseek"}, "key_refused", "blanks"),
        ({"key": GOOD, "upstream": "depseek"}, "login_refused", "deepseek"),
        ({"key": GOOD, "base_url": "https://me:secret@h.example/v1"}, "login_refused", "password"),
        ({"key": GOOD, "base_url": "ftp://h.example"}, "login_refused", "ftp"),
    ],
)
def test_what_cannot_be_a_login_is_refused(
    browser: Browser, home: Path, members: dict[str, object], code: str, word: str
) -> None:
    """With the reason; nothing is asked and nothing written."""
    got = browser.post("/ui/login/key", members)
    assert (got.status, got.error) == (400, code)
    assert word in got.json["error"]["message"]
    assert "me:secret" not in got.body.decode()
    assert not (home / ".iflow").exists()


def test_what_was_mended_of_the_address_is_said(
    browser: Browser, home: Path, upstream: KeyedUpstream
) -> None:
    """The end that examples have is taken off."""
    address = f"{upstream.base_url}/chat/completions"
    got = browser.post("/ui/login/key", form(upstream, base_url=address))
    assert got.status == 200
    assert len(got.json["repairs"]) == 1
    assert settings_of(home)["baseUrl"] == upstream.base_url


def test_an_upstream_that_is_not_there_is_written_only_unchecked(
    browser: Browser, home: Path
) -> None:
    """First it is told, then it can be done all the same."""
    with stub() as gone:
        address = gone.base_url
    members = {"key": GOOD, "base_url": address}
    got = browser.post("/ui/login/key", members)
    assert (got.status, got.error) == (502, "upstream_unreachable")
    assert not (home / ".iflow" / "settings.json").exists()
    got = browser.post("/ui/login/key", members | {"check": False})
    assert (got.status, got.json["checked"]) == (200, "skipped")
    assert settings_of(home)["apiKey"] == GOOD


def test_a_key_that_cannot_be_tried_is_written_and_that_is_said(
    browser: Browser, home: Path
) -> None:
    """An upstream without a list, and no model named."""
    answer = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with stub(replies(answer)) as upstream:
        got = browser.post("/ui/login/key", {"key": GOOD, "base_url": upstream.base_url})
    assert (got.status, got.json["checked"]) == (200, "unsure")
    assert settings_of(home)["apiKey"] == GOOD


def test_a_damaged_file_is_replaced_only_after_asking(
    browser: Browser, home: Path, upstream: KeyedUpstream
) -> None:
    """The old one is kept beside it, and its name said."""
    path = put_settings(home)
    path.write_text("{not json")
    got = browser.post("/ui/login/key", form(upstream))
    assert (got.status, got.error) == (409, "settings_damaged")
    assert path.read_text() == "{not json"
    got = browser.post("/ui/login/key", form(upstream, replace_damaged=True))
    assert got.status == 200
    assert settings_of(home)["apiKey"] == GOOD
    (backup,) = (p for p in path.parent.iterdir() if p.is_file() and p.read_bytes() == b"{not json")
    assert got.json["notices"] == [f"The damaged file was kept as ~/.iflow/{backup.name}."]


def test_a_link_is_followed_and_that_is_said(
    browser: Browser, home: Path, upstream: KeyedUpstream, tmp_path: Path
) -> None:
    """The file that it leads to is written; the link stays one."""
    real = tmp_path / "dotfiles" / "iflow.json"
    real.parent.mkdir()
    real.write_text('{"theme": "Default"}')
    link = put_settings(home)
    link.unlink()
    link.symlink_to(real)
    got = browser.post("/ui/login/key", form(upstream))
    assert got.json["notices"] == [f"{SETTINGS} is a link: what was written is {real}."]
    assert link.is_symlink()
    assert json.loads(real.read_text())["apiKey"] == GOOD
    assert json.loads(real.read_text())["theme"] == "Default"


def test_what_goes_before_what_was_written_is_said(home: Path, upstream: KeyedUpstream) -> None:
    """Else the login would seem to change nothing."""
    environ = {"IFLOW_API_KEY": GOOD, "IFLOW_MODEL_NAME": "m"}
    browser = Browser(make_plain(environ), environ)
    got = browser.post("/ui/login/key", form(upstream))
    assert got.json["notices"] == [
        "The key in use is still that of the environment IFLOW_API_KEY: it goes before what was "
        "written."
    ]
    got = browser.post("/ui/login/key", form(upstream, model="x"))
    assert len(got.json["notices"]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to any folder")
def test_a_folder_that_cannot_be_written_is_told(
    browser: Browser, home: Path, upstream: KeyedUpstream
) -> None:
    """And what was there is as it was."""
    path = put_settings(home, theme="Default")
    before = path.read_bytes()
    path.parent.chmod(0o500)
    try:
        got = browser.post("/ui/login/key", form(upstream))
    finally:
        path.parent.chmod(0o700)
    assert (got.status, got.error) == (500, "settings_not_written")
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_told(
    home: Path, upstream: KeyedUpstream, tmp_path: Path
) -> None:
    """Also where its owner may write anywhere: what should be a folder is a file."""
    (tmp_path / "file").write_text("")
    browser = Browser(make_plain(settings=str(tmp_path / "file" / "settings.json")))
    got = browser.post("/ui/login/key", form(upstream))
    assert (got.status, got.error) == (500, "settings_not_written")


def test_logging_out_takes_back_what_was_written(
    browser: Browser, home: Path, upstream: KeyedUpstream
) -> None:
    """And nothing else; what still gives a key is said."""
    path = put_settings(home, theme="Default")
    before = settings_of(home)
    browser.post("/ui/login/key", form(upstream))
    got = browser.post("/ui/logout")
    assert got.status == 200
    assert got.json["ok"] is True
    assert {"apiKey", "baseUrl"} <= set(got.json["removed"])
    assert got.json["kept"] == []
    assert settings_of(home) == before
    state = browser.get("/ui/state").json
    assert (state["working"], state["key"], state["login"]["last"]) == (False, None, None)
    assert browser.post("/ui/logout").json == {"ok": True, "removed": [], "kept": []}
    assert path.exists()


def test_logging_out_names_the_keys_that_stay(home: Path) -> None:
    """One of the environment, and one that somebody wrote by hand."""
    environ = {"IFLOW_API_KEY": GOOD}
    path = put_settings(home, apiKey=WRONG)
    got = Browser(make_plain(environ), environ).post("/ui/logout")
    assert got.json["removed"] == []
    environment, by_hand = got.json["kept"]
    assert environment == "The key of the environment IFLOW_API_KEY stays."
    assert "apiKey" in by_hand
    assert json.loads(path.read_text()) == {"apiKey": WRONG}


def test_logins_at_the_same_moment_leave_one_of_them_whole(browser: Browser, home: Path) -> None:
    """The file is that of the last one, never a mixture."""
    forms = [
        {"key": f"sk-{n:020}", "base_url": f"http://127.0.0.1:{9000 + n}/v1", "check": False}
        for n in range(8)
    ]

    async def run() -> list[Got]:
        fields = {"Content-Type": "application/json"}
        posts = (
            browser.wait("POST", "/ui/login/key", json.dumps(form).encode(), **fields)
            for form in forms
        )
        return await asyncio.gather(*posts)

    assert {got.status for got in asyncio.run(run())} == {200}
    written = settings_of(home)
    pairs = [(form["key"], form["base_url"]) for form in forms]
    assert (written["apiKey"], written["baseUrl"]) in pairs
    assert browser.get("/ui/state").json["upstream"]["base_url"] == written["baseUrl"]
