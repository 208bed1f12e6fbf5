"""The page at the end of a login says plainly how it went, and can do nothing else."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay import errors
from iflow_relay.login.answer import choose_language, render_answer

ABOUT_LOGINS = [
    "logged_in",
    "received",
    "access_denied",
    "login_used",
    "login_expired",
    "login_cancelled",
    "state_mismatch",
    "oauth_unavailable",
    "login_service_failed",
    "settings_damaged",
    "settings_not_written",
]
CODES = [*ABOUT_LOGINS, "not_found", "forbidden_host"]


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.metas: dict[str, str | None] = {}
        self.language: str | None = None
        self.text: dict[str, str] = {}
        self.feed(body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "html":
            self.language = given["lang"]
        if tag == "meta" and (name := given.get("name")):
            self.metas[name] = given["content"]

    def handle_data(self, data: str) -> None:
        """Note the text, by the tag it stands in."""
        if data.strip():
            self.text[self.tags[-1]] = data


def page(ok: bool, code: str, language: str = "") -> Page:
    """The page, read."""
    return Page(render_answer(ok, code, language)[1])


@pytest.mark.parametrize("code", CODES)
def test_every_outcome_has_words_of_its_own_in_both_languages(code: str) -> None:
    """A heading and a sentence; none falls back on the words for all others."""
    for language, ascii_ in (("en", True), ("zh", False)):
        own, others = page(False, code, language), page(False, "anything", language)
        assert own.text != others.text
        assert (own.text["h1"].isascii(), own.text["p"].isascii()) == (ascii_, ascii_)


@pytest.mark.parametrize("code", [*ABOUT_LOGINS, "login_refused"])
def test_it_says_that_the_tab_can_be_closed(code: str) -> None:
    """However it went, in either language."""
    assert "lose this tab" in page(True, code, "en").text["p"]
    assert "关闭此标签页" in page(True, code, "zh").text["p"]


@pytest.mark.parametrize(
    ("ok", "code", "title"),
    [
        (True, "logged_in", "You are logged in"),
        (True, "received", "The login has arrived"),
        (True, "anything", "You are logged in"),
        (False, "access_denied", "The login was denied"),
        (False, "anything", "The login did not succeed"),
        (False, "", "The login did not succeed"),
    ],
)
def test_a_code_without_words_of_its_own_still_tells_good_from_bad(
    ok: bool, code: str, title: str
) -> None:
    """The heading is the title of the tab as well."""
    shown = page(ok, code)
    assert shown.text["h1"] == title
    assert shown.text["title"] == f"{title} · iflow-relay"


def test_every_error_of_a_login_has_its_words() -> None:
    """No error of the tree that a callback can end with is left to the words for all."""
    for error in (
        errors.LoginRefused,
        errors.LoginUnavailable,
        errors.LoginServiceFailed,
        errors.SettingsDamaged,
        errors.SettingsNotWritten,
    ):
        assert error.code in [*CODES, "login_refused"]


def test_it_is_a_whole_page_without_a_script() -> None:
    """Readable on a telephone, in the dark, and by a screen reader."""
    shown = page(True, "received", "zh")
    assert shown.language == "zh-Hans"
    assert page(True, "received").language == "en"
    assert shown.metas["viewport"] == "width=device-width, initial-scale=1"
    assert shown.metas["color-scheme"] == "light dark"
    assert not {"script", "a", "img", "link", "form", "iframe"} & set(shown.tags)
    assert shown.tags.count("h1") == shown.tags.count("main") == 1


def test_its_own_style_is_all_that_it_may_load() -> None:
    """The policy allows the style by its hash, and nothing else at all."""
    fields, body = render_answer(True, "received")
    policy = dict(fields)[b"Content-Security-Policy"].decode()
    style = re.search(r"<style>(.*)</style>", body.decode(), re.DOTALL)
    assert style
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def test_its_address_goes_nowhere() -> None:
    """It holds a code: it is not stored, not sent on, and cannot be framed."""
    fields = dict(render_answer(False, "state_mismatch")[0])
    assert fields[b"Cache-Control"] == b"no-store"
    assert fields[b"Referrer-Policy"] == b"no-referrer"
    assert fields[b"X-Frame-Options"] == b"DENY"
    assert fields[b"X-Content-Type-Options"] == b"nosniff"
    assert fields[b"Content-Type"] == b"text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh", "zh"),
        ("ZH-tw", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("en;q=0.5, zh;q=0.7", "zh"),
        ("zh;q=0.5, en;q=0.5", "zh"),
        ("en;q=0.5, zh;q=0.5", "en"),
        ("de-DE,de;q=0.9,zh;q=0.4", "zh"),
        ("de-DE,de;q=0.9", "en"),
        ("*", "en"),
        ("*, zh;q=0.5", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nothing", "en"),
        ("zha", "en"),
        (",;=,,zh;", "zh"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_better(
    accepted: str, language: str
) -> None:
    """English where it says nothing of the two."""
    assert choose_language(accepted) == language


@settings(deadline=None)
@given(st.text())
def test_any_wish_for_a_language_gives_one(accepted: str) -> None:
    """Whatever a client writes there."""
    assert choose_language(accepted) in ("en", "zh")
