"""What a person copies from the browser holds the code, however it was copied."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.errors import LoginRefused
from iflow_relay.login.oauth import OAuthLogin
from iflow_relay.login.pasted import code_from_pasted
from iflow_relay.oauth import CLIENT_ID, OAuthClient

REDIRECT = "http://localhost:11451/oauth2callback"


@pytest.fixture
def login() -> OAuthLogin:
    """A login that waits."""
    return new_login()


def new_login() -> OAuthLogin:
    """Another one."""
    client = OAuthClient(parse_base_url("https://iflow.cn"), CLIENT_ID, Secret("made-up"))
    return OAuthLogin(client, REDIRECT)


@pytest.mark.parametrize(
    "form",
    [
        "{redirect}?code=abc&state={state}",
        "  {redirect}?code=abc&state={state}\r\n",
        "<{redirect}?code=abc&state={state}>",
        '"{redirect}?code=abc&state={state}"',
        "{redirect}?code=abc&state={state}#_=_",
        "localhost:11451/oauth2callback?code=abc&state={state}",
        "http://localhost:8000/oauth2callback?state={state}&code=abc",
        "?code=abc&state={state}",
        "code=abc&state={state}",
        "{redirect}?code=a\nbc&sta\n te={state}",
    ],
)
def test_the_code_is_found(login: OAuthLogin, form: str) -> None:
    """In the whole address or its query, even where a terminal has broken it into lines."""
    text = form.format(redirect=REDIRECT, state=login.state)
    assert code_from_pasted(text, login) == Secret("abc")


@pytest.mark.parametrize(
    ("form", "code", "words"),
    [
        ("", "login_refused", "copy all of it"),
        ("abc", "login_refused", "copy all of it"),
        (REDIRECT, "login_refused", "copy all of it"),
        (f"{REDIRECT}?", "login_refused", "copy all of it"),
        ("https://code=abc", "login_refused", "copy all of it"),
        ("https://iflow.cn/", "login_refused", "copy all of it"),
        ("{url}", "login_refused", "login page itself"),
        (f"{REDIRECT}?code=abc", "state_mismatch", "no state"),
        (f"{REDIRECT}?code=abc&state=foreign", "state_mismatch", "another one"),
        (f"{REDIRECT}?error=access_denied&state={{state}}", "access_denied", "denied"),
        (f"{REDIRECT}?state={{state}}", "login_refused", "no code"),
    ],
)
def test_what_is_no_answer_to_this_login_is_refused(
    login: OAuthLogin, form: str, code: str, words: str
) -> None:
    """In words that say what to copy; the login goes on waiting for it."""
    with pytest.raises(LoginRefused, match=words) as caught:
        code_from_pasted(form.format(url=login.url, state=login.state), login)
    assert caught.value.code == code
    assert login.take(f"code=later&state={login.state}") == Secret("later")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    """Nobody guesses the state."""
    with pytest.raises(LoginRefused):
        code_from_pasted(text, new_login())


def test_endless_text_is_refused(login: OAuthLogin) -> None:
    """As anything else that is no address."""
    with pytest.raises(LoginRefused):
        code_from_pasted("a?" * 1_000_000, login)
