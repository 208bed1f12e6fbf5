"""Every answer of the login service that was seen, and many that were not, has one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.credential import Secret
from iflow_relay.errors import LoginRequired, LoginServiceFailed, LoginUnavailable
from iflow_relay.oauth import Account, Tokens, parse_account, parse_tokens

TOKENS = {
    "access_token": "access-1",
    "refresh_token": "refresh-1",
    "expires_in": 3600,
    "token_type": "bearer",
    "scope": "read write",
}
TOO_MANY = {
    "success": False,
    "code": "500",
    "message": "当前和我聊天的人太多了",
    "exception": None,
    "data": None,
    "extra": None,
}
ACCOUNT = {"apiKey": "sk-made-up", "email": "someone@example.com", "phone": "13800000000"}


def body(value: Any) -> bytes:
    """JSON as the service writes it."""
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (TOKENS, Tokens(Secret("access-1"), Secret("refresh-1"), 3600.0)),
        ({"success": True, "data": TOKENS}, Tokens(Secret("access-1"), Secret("refresh-1"), 3600)),
        ({"success": True, **TOKENS}, Tokens(Secret("access-1"), Secret("refresh-1"), 3600)),
        ({**TOKENS, "error": None}, Tokens(Secret("access-1"), Secret("refresh-1"), 3600)),
        ({"access_token": "a"}, Tokens(Secret("a"), None, None)),
        ({"access_token": " a\n", "refresh_token": ""}, Tokens(Secret("a"), None, None)),
        ({"access_token": "a", "refresh_token": 5}, Tokens(Secret("a"), None, None)),
    ],
)
def test_tokens_are_read_bare_or_wrapped(answer: Any, tokens: Tokens) -> None:
    """A refresh token and a lifetime may be missing."""
    assert parse_tokens(200, body(answer)) == tokens


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (3600, 3600),
        (3600.5, 3600.5),
        ("3600", 3600),
        (" 60 ", 60),
        (None, None),
        ("soon", None),
        ("", None),
        (0, None),
        (-1, None),
        (True, None),
        ("nan", None),
        ("inf", None),
        (1e300, None),
        (10**400, None),
        ([3600], None),
    ],
)
def test_a_lifetime_is_a_positive_number_of_seconds(told: Any, seconds: float | None) -> None:
    """It may be a text; of what is none, nobody knows how long the key lives."""
    assert parse_tokens(200, body({**TOKENS, "expires_in": told})).expires_in == seconds


@pytest.mark.parametrize("status", [400, 401, 200])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_token"])
def test_a_grant_that_is_worth_nothing_wants_another_login(status: int, error: str) -> None:
    """The command to run is named; there is no use in trying again."""
    answer = {"error": error, "error_description": "Invalid refresh token: refresh-1"}
    with pytest.raises(LoginRequired, match="iflow-relay login --oauth") as caught:
        parse_tokens(status, body(answer))
    assert "refresh-1" not in caught.value.message


@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_client_secret_is_named_as_the_reason(status: int) -> None:
    """And where it is set."""
    answer = {"error": "invalid_client", "error_description": "Bad client credentials"}
    with pytest.raises(LoginUnavailable, match="IFLOW_OAUTH_CLIENT_SECRET"):
        parse_tokens(status, body(answer))


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, body(TOO_MANY), "too many"),
        (500, body(TOO_MANY), "too many"),
        (200, body({"success": False, "code": 500, "message": "oops"}), "answered 500: oops"),
        (200, body({"success": False}), "answered 200 and said nothing more"),
        (200, body({"success": False, "code": "no\nnumber", "msg": "x\ny"}), "answered 200: x y"),
        (400, body({"error": "invalid_request"}), "answered 400: invalid_request"),
        (401, body({}), "answered 401 and said nothing more"),
        (429, b"", "answered 429: try again later"),
        (500, b"", "answered 500: try again later"),
        (503, b"<html>busy", "answered 503: try again later"),
        (302, b"", "points elsewhere"),
        (200, b"<!doctype html>", "web page"),
        (200, b"", "cannot be understood"),
        (200, b"[]", "cannot be understood"),
        (200, b"null", "cannot be understood"),
        (200, b"\x00\xff{", "cannot be understood"),
        (200, b"[" * 100_000, "cannot be understood"),
        (200, b"{}", "gave no access token"),
        (200, body({"data": None}), "gave no access token"),
        (200, body({**TOKENS, "access_token": ""}), "gave no access token"),
        (200, body({**TOKENS, "access_token": 7}), "gave no access token"),
        (200, body({**TOKENS, "access_token": "a\nb"}), "gave no access token"),
        (200, b'{"access_token": "\\ud800"}', "gave no access token"),
    ],
)
def test_anything_else_is_a_trouble_of_the_moment(status: int, answer: bytes, words: str) -> None:
    """Another try may succeed."""
    with pytest.raises(LoginServiceFailed) as caught:
        parse_tokens(status, answer)
    assert words in caught.value.message
    assert caught.value.code == "login_service_failed"


def test_the_words_of_the_service_are_passed_on_in_part() -> None:
    """On one short line, without what looks like a token, or could steer a terminal."""
    token = "eyJhbGciOiJIUzI1NiJ9.made-up.token"
    message = f"\x1b[31mno\n\u202egood: {token} " + "很 " * 500
    with pytest.raises(LoginServiceFailed) as caught:
        parse_tokens(500, body({"message": message}))
    said = caught.value.message
    assert "no good: …" in said.replace("[31m", "")
    assert said.isprintable()
    assert len(said) < 300
    assert token not in said


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"email": "someone@example.com", "username": "someone"}, "so…@example.com"),
        ({"email": "", "username": "someone", "nickName": "x"}, "someone"),
        ({"nickName": "小明"}, "小明"),
        ({"email": "@example.com", "username": None, "nickName": "n"}, "n"),
        ({"phone": "13800000000"}, None),
        ({"username": "13800000000"}, "138…00"),
        ({"email": "13800000000@example.com"}, "13…@example.com"),
        ({"username": "\x1b]0;x\x07me"}, "]0;xme"),
        ({"username": "n" * 500}, "n" * 40),
        ({"username": ["x"]}, None),
        ({}, None),
    ],
)
def test_an_account_is_named_shortly(told: dict[str, Any], name: str | None) -> None:
    """Enough to know one's own; never a telephone number."""
    answer = {"success": True, "data": {"apiKey": "sk-made-up", **told}}
    assert parse_account(200, body(answer)) == Account(Secret("sk-made-up"), name)


@pytest.mark.parametrize(
    "answer", [{"success": True, "data": ACCOUNT}, ACCOUNT, {"data": {"apiKey": " sk-made-up\n"}}]
)
def test_the_key_is_read_wrapped_or_bare(answer: Any) -> None:
    """Blanks around it are removed."""
    assert parse_account(200, body(answer)).key == Secret("sk-made-up")


def test_an_access_token_that_is_unknown_wants_another_login() -> None:
    """401, whatever else is said."""
    for answer in (b"", b"<html>", body({"success": False})):
        with pytest.raises(LoginRequired, match="iflow-relay login --oauth"):
            parse_account(401, answer)


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, body(TOO_MANY), "too many"),
        (400, body({"error": "invalid_request"}), "answered 400"),
        (503, b"", "answered 503"),
        (200, b"<html>", "web page"),
        (200, body({"success": True, "data": None}), "no API key"),
        (200, body({"success": True, "data": {"apiKey": ""}}), "no API key"),
        (200, body({"success": True, "data": {"apiKey": None}}), "no API key"),
        (200, body({"success": True, "data": {"apiKey": {"k": 1}}}), "no API key"),
        (200, body({"success": True, "data": {"apiKey": "schlüssel"}}), "no header can carry"),
        (200, body({"success": True, "data": {"apiKey": "a b"}}), "no header can carry"),
    ],
)
def test_without_a_key_there_is_no_account(status: int, answer: bytes, words: str) -> None:
    """Another try may bring it."""
    with pytest.raises(LoginServiceFailed) as caught:
        parse_account(status, answer)
    assert words in caught.value.message
    assert "schlüssel" not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = [
    *("access_token", "refresh_token", "expires_in", "apiKey", "email"),
    *("data", "success", "error", "code", "message"),
]
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON).map(json.dumps).map(str.encode)


@pytest.mark.parametrize("parse", [parse_tokens, parse_account])
@settings(deadline=None)
@given(status=st.integers(100, 599), answer=OBJECTS | st.binary())
def test_any_answer_has_a_meaning(parse: Any, status: int, answer: bytes) -> None:
    """It is read, or refused in words on one line; what was read can be sent on."""
    try:
        found = parse(status, answer)
        text = (found.access if isinstance(found, Tokens) else found.key).reveal()
        whole = text.isascii() and text.isprintable()
    except (LoginRequired, LoginUnavailable, LoginServiceFailed) as error:
        whole = error.message.isprintable()
    assert whole
