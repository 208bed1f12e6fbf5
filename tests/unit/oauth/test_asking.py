"""What is sent to the login service is exactly what it takes; what comes back is checked."""

from __future__ import annotations

from base64 import b64decode
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.credential import BaseUrl, Secret, parse_base_url
from iflow_relay.errors import LoginRefused, LoginUnavailable
from iflow_relay.oauth import (
    CLIENT_ID,
    OAuthClient,
    Request,
    authorize_url,
    find_client,
    parse_callback,
    prepare_account,
    prepare_exchange,
    prepare_refresh,
)

STRANGE = "a+b/c=d&e f%"
REDIRECT = "http://localhost:11451/oauth2callback"
CLIENT = OAuthClient(parse_base_url("https://iflow.cn"), CLIENT_ID, Secret("made-up+/=&secret"))


class Options(NamedTuple):
    """The two options that count."""

    oauth_url: BaseUrl | None = None
    oauth_client_secret: Secret | None = None


def form(request: Request) -> dict[str, str]:
    """The form that a call carries, each field once."""
    fields = parse_qs(request.body.decode(), strict_parsing=True, keep_blank_values=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def test_the_page_that_asks_gets_its_five_parameters() -> None:
    """The redirect goes by the name `redirect`, and everything is escaped."""
    url = urlsplit(authorize_url(CLIENT, REDIRECT, STRANGE))
    assert (url.scheme, url.netloc, url.path) == ("https", "iflow.cn", "/oauth")
    assert parse_qs(url.query, strict_parsing=True) == {
        "loginMethod": ["phone"],
        "type": ["phone"],
        "redirect": [REDIRECT],
        "state": [STRANGE],
        "client_id": ["10009311001"],
    }


def test_a_code_is_sent_in_a_form_with_the_redirect_it_came_by() -> None:
    """Client id and secret stand in the form as well."""
    request = prepare_exchange(CLIENT, Secret(STRANGE), REDIRECT)
    assert (request.method, request.url) == ("POST", "https://iflow.cn/oauth/token")
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": STRANGE,
        "redirect_uri": REDIRECT,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT.secret.reveal(),
    }


def test_a_refresh_token_is_sent_in_a_form() -> None:
    """To the same address as a code."""
    request = prepare_refresh(CLIENT, Secret(STRANGE))
    assert (request.method, request.url) == ("POST", "https://iflow.cn/oauth/token")
    assert form(request) == {
        "grant_type": "refresh_token",
        "refresh_token": STRANGE,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT.secret.reveal(),
    }


@pytest.mark.parametrize(
    "request_",
    [
        prepare_exchange(CLIENT, Secret("code"), REDIRECT),
        prepare_refresh(CLIENT, Secret("refresh")),
    ],
    ids=["code", "refresh"],
)
def test_a_grant_is_asked_for_with_basic_and_for_json(request_: Request) -> None:
    """Id and secret go into HTTP Basic as they are, and an answer in JSON is asked for."""
    fields = dict(request_.fields)
    basic = b64decode(fields.pop("Authorization").removeprefix("Basic ")).decode()
    assert basic == f"{CLIENT_ID}:{CLIENT.secret.reveal()}"
    assert fields == {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def test_the_access_token_goes_into_the_query_alone() -> None:
    """In a header the service answers 400 to it."""
    request = prepare_account(CLIENT, Secret(STRANGE))
    url = urlsplit(request.url)
    assert (request.method, url.path, request.body) == ("GET", "/api/oauth/getUserInfo", b"")
    assert parse_qs(url.query) == {"accessToken": [STRANGE]}
    assert request.fields == (("Accept", "application/json"),)


def test_a_service_below_a_path_is_asked_there() -> None:
    """As a gateway may have it."""
    client = OAuthClient(parse_base_url("http://127.0.0.1:1/auth/"), CLIENT_ID, Secret("s" * 20))
    assert authorize_url(client, REDIRECT, "s").startswith("http://127.0.0.1:1/auth/oauth?")
    assert prepare_refresh(client, Secret("r")).url == "http://127.0.0.1:1/auth/oauth/token"


@pytest.mark.parametrize(
    "request_",
    [
        prepare_exchange(CLIENT, Secret("the-secret-code"), REDIRECT),
        prepare_refresh(CLIENT, Secret("the-secret-refresh-token")),
        prepare_account(CLIENT, Secret("the-secret-access-token")),
    ],
    ids=["code", "refresh", "account"],
)
def test_nothing_that_is_prepared_shows_a_secret(request_: Request) -> None:
    """Neither its repr nor that of the client does."""
    for shown in (repr(request_), str(request_), repr(CLIENT)):
        assert "secret-" not in shown
        assert CLIENT.secret.reveal() not in shown
        assert "Basic" not in shown


def test_the_client_comes_from_the_options() -> None:
    """They go before the environment."""
    options = Options(parse_base_url("http://localhost:9"), Secret("from-the-options"))
    environ = {
        "IFLOW_OAUTH_URL": "https://other.example",
        "IFLOW_OAUTH_CLIENT_SECRET": "from-the-environment",
    }
    assert find_client(options, environ) == OAuthClient(
        parse_base_url("http://localhost:9"), CLIENT_ID, Secret("from-the-options")
    )


def test_the_client_comes_from_the_environment() -> None:
    """Where no option names it, with blanks around it removed; the address is iFlow's own then."""
    client = find_client(Options(), {"IFLOW_OAUTH_CLIENT_SECRET": " made-up-secret\n"})
    assert client == OAuthClient(
        parse_base_url("https://iflow.cn"), CLIENT_ID, Secret("made-up-secret")
    )


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:5/", "http://127.0.0.1:5"),
        (" https://login.example/x\n", "https://login.example/x"),
        (" ", "https://iflow.cn"),
        ("", "https://iflow.cn"),
    ],
)
def test_the_service_may_be_another(text: str, url: str) -> None:
    """As the environment has it."""
    environ = {"IFLOW_OAUTH_CLIENT_SECRET": "s", "IFLOW_OAUTH_URL": text}
    assert str(find_client(Options(), environ).url) == url


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "IFLOW_OAUTH_CLIENT_SECRET or the option iflow_oauth_client_secret"),
        ({"IFLOW_OAUTH_CLIENT_SECRET": "  "}, "or log in with an API key"),
        ({"IFLOW_OAUTH_CLIENT_SECRET": "geheimnis-ö"}, "not plain ASCII"),
        ({"IFLOW_OAUTH_CLIENT_SECRET": "two words"}, "blanks or line ends within it"),
        (
            {"IFLOW_OAUTH_CLIENT_SECRET": "s", "IFLOW_OAUTH_URL": "me:geheimnis@x"},
            "IFLOW_OAUTH_URL is no address",
        ),
        ({"IFLOW_OAUTH_CLIENT_SECRET": "s", "IFLOW_OAUTH_URL": "iflow.cn"}, "https://iflow.cn"),
        (
            {"IFLOW_OAUTH_CLIENT_SECRET": "s", "IFLOW_OAUTH_URL": "http://login.example"},
            "http://login.example has no https",
        ),
    ],
)
def test_without_a_client_the_reason_is_said(environ: dict[str, str], words: str) -> None:
    """And what to do; never what was given."""
    with pytest.raises(LoginUnavailable) as caught:
        find_client(Options(), environ)
    assert words in caught.value.message
    assert caught.value.code == "oauth_unavailable"
    assert "geheimnis" not in caught.value.message
    assert "two words" not in caught.value.message


STATE = "the-state"


@pytest.mark.parametrize(
    "query",
    [
        f"code=abc&state={STATE}",
        f"?code=abc&state={STATE}",
        f"state={STATE}&code=+abc%20",
        f"code=abc&state={STATE}&scope=&more=1",
    ],
)
def test_the_code_is_read_from_the_callback(query: str) -> None:
    """Whatever else stands there, in any order."""
    assert parse_callback(query, STATE) == Secret("abc")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "state_mismatch"),
        ("code=abc", "state_mismatch"),
        ("code=abc&state=", "state_mismatch"),
        ("code=abc&state=foreign", "state_mismatch"),
        ("code=abc&state=THE-STATE", "state_mismatch"),
        (f"code=abc&state={STATE}&state=foreign", "state_mismatch"),
        (f"code=abc&state={STATE}&state={STATE}", "state_mismatch"),
        ("code=abc&state=%ff%fe\ud800", "state_mismatch"),
        ("error=access_denied", "state_mismatch"),
        ("error=access_denied&state=foreign", "state_mismatch"),
        (f"error=access_denied&state={STATE}", "access_denied"),
        (f"error=access_denied&code=abc&state={STATE}", "access_denied"),
        (f"error=server_error&state={STATE}", "login_refused"),
        (f"error=&state={STATE}", "login_refused"),
        (f"state={STATE}", "login_refused"),
        (f"code=&state={STATE}", "login_refused"),
        (f"code=a&code=b&state={STATE}", "login_refused"),
        (f"code=a%0ab&state={STATE}", "login_refused"),
        (f"code=%C3%B6&state={STATE}", "login_refused"),
        (f"code={'a' * 5000}&state={STATE}", "login_refused"),
    ],
)
def test_a_callback_without_a_good_code_is_refused(query: str, code: str) -> None:
    """The state comes first: an answer to another login says nothing at all."""
    with pytest.raises(LoginRefused) as caught:
        parse_callback(query, STATE)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("error", "words"),
    [("server_error", "(server_error)"), ("<script>", "refused the login: "), ("x" * 99, "login:")],
)
def test_only_an_error_that_is_a_plain_word_is_passed_on(error: str, words: str) -> None:
    """Anybody may write anything there."""
    with pytest.raises(LoginRefused) as caught:
        parse_callback(f"error={quote(error)}&state={STATE}", STATE)
    assert words in caught.value.message
    assert "<script>" not in caught.value.message


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_any_query_is_read_or_refused(query: str, state: str) -> None:
    """Nothing that a browser could bring does anything else."""
    try:
        code = parse_callback(query, state)
    except LoginRefused:
        return
    assert code.reveal()


@settings(deadline=None)
@given(
    st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1, max_size=99),
    st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_a_code_comes_back_as_it_was_given(code: str, state: str) -> None:
    """Whatever letters it and the state have, escaped as addresses are."""
    assert parse_callback(urlencode({"code": code, "state": state}), state) == Secret(code)
