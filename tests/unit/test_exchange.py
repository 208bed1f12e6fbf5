"""A code, or a refresh token, is traded for a key over a real socket, whatever goes wrong there."""

from __future__ import annotations

import gzip
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.e2e.oauth_service import TOKEN, USER_INFO, OAuthService, read_query
from tests.e2e.servers import Stub, replies, stub

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.errors import (
    LoginError,
    LoginRefused,
    LoginRequired,
    LoginServiceFailed,
    LoginUnavailable,
    RelayError,
)
from iflow_relay.exchange import PAUSES, HalfRenewed, Login, redeem, renew
from iflow_relay.next_proxy import Proxy
from iflow_relay.oauth import CLIENT_ID, OAuthClient, authorize_url

REDIRECT = "http://localhost:11451/oauth2callback"
NOW = 1_700_000_000.0


@pytest.fixture
def service() -> Iterator[OAuthService]:
    """The login service."""
    with OAuthService() as service:
        yield service
        assert service.complaints == []


def client_of(service: OAuthService, secret: str = OAuthService.secret) -> OAuthClient:
    """Whoever may ask it."""
    return OAuthClient(parse_base_url(service.url), CLIENT_ID, Secret(secret))


def get_code(service: OAuthService, redirect: str = REDIRECT) -> Secret:
    """A code that somebody was given on the page."""
    url = authorize_url(client_of(service), redirect, "state")
    return Secret(read_query(service.authorize(url))["code"])


def try_redeem(service: OAuthService, **more: Any) -> Login:
    """Trade a good code."""
    client = client_of(service)
    return redeem(client, get_code(service), REDIRECT, now=lambda: NOW, rest=no_rest, **more)


def try_renew(service: OAuthService, **more: Any) -> Login:
    """Trade a good refresh token."""
    refresh = Secret(service.issue().refresh)
    return renew(client_of(service), refresh, now=lambda: NOW, rest=no_rest, **more)


def no_rest(seconds: float) -> None:
    """Go on at once."""


Try = Callable[..., Login]
both = pytest.mark.parametrize("trade", [try_redeem, try_renew], ids=["redeem", "renew"])


def test_a_code_is_redeemed_for_a_key(service: OAuthService) -> None:
    """The key is what getUserInfo says, and good until the token's end."""
    login = try_redeem(service)
    assert login.key == Secret(service.key)
    assert service.access_tokens[login.access.reveal()] == service.key
    assert login.refresh is not None
    assert login.refresh.reveal() in service.refresh_tokens
    assert login.expires == NOW + 30 * 24 * 3600
    assert login.account == "so…@example.com"
    assert service.calls == {"/oauth": 1, TOKEN: 1, USER_INFO: 1}


def test_a_refresh_token_is_traded_for_another_and_a_new_key(service: OAuthService) -> None:
    """The key is asked for anew, as it may have changed."""
    old = service.issue()
    login = renew(client_of(service), Secret(old.refresh), now=lambda: NOW)
    assert login.key == Secret(service.key) != Secret(old.key)
    assert login.refresh is not None
    assert list(service.refresh_tokens) == [login.refresh.reveal()] != [old.refresh]


@pytest.mark.parametrize("way", ["same", "none"])
def test_the_refresh_token_goes_on_where_there_is_no_other(service: OAuthService, way: str) -> None:
    """Whether the service repeats it or says nothing of it."""
    old = service.issue()
    service.behave(refresh_token=way)
    assert renew(client_of(service), Secret(old.refresh)).refresh == Secret(old.refresh)


@both
def test_a_wrapped_answer_is_as_good(service: OAuthService, trade: Try) -> None:
    """`{success, data}` around the tokens."""
    service.behave(wrapped=True, expires_in="60")
    login = trade(service)
    assert (login.key, login.expires) == (Secret(service.key), NOW + 60)


@both
def test_without_a_lifetime_nobody_knows_the_end(service: OAuthService, trade: Try) -> None:
    """None, and not now."""
    service.behave(expires_in=None)
    assert trade(service).expires is None


FAULTS: list[tuple[str, type[RelayError], str]] = [
    ("success_false", LoginServiceFailed, "too many"),
    ("invalid_client", LoginUnavailable, "IFLOW_OAUTH_CLIENT_SECRET"),
    ("invalid_client_400", LoginUnavailable, "IFLOW_OAUTH_CLIENT_SECRET"),
    ("down", LoginServiceFailed, "503"),
    ("hang_up", LoginServiceFailed, "cannot be reached"),
    ("garbage", LoginServiceFailed, "cannot be understood"),
    ("html", LoginServiceFailed, "web page"),
    ("redirect", LoginServiceFailed, "points elsewhere"),
    ("huge", LoginServiceFailed, "does not come to an end"),
]


@both
@pytest.mark.parametrize(("fault", "error", "words"), FAULTS)
def test_a_fault_where_tokens_are_given_is_said(
    service: OAuthService, trade: Try, fault: str, error: type[RelayError], words: str
) -> None:
    """Once: the grant may be used up, and whoever wants another try begins it."""
    service.behave(fault=fault)
    with pytest.raises(error, match=words) as caught:
        trade(service)
    assert not isinstance(caught.value, HalfRenewed)
    assert (service.calls[TOKEN], service.calls[USER_INFO]) == (1, 0)


@pytest.mark.parametrize("fault", ["invalid_grant", "unauthorized"])
def test_a_refused_refresh_token_wants_another_login(service: OAuthService, fault: str) -> None:
    """For good; a code that is refused is no login at all."""
    service.behave(fault=fault)
    with pytest.raises(LoginRequired, match="iflow-relay login --oauth"):
        try_renew(service)
    with pytest.raises(LoginRefused, match="did not take the code"):
        try_redeem(service)


def test_a_code_works_once_and_for_its_own_redirect(service: OAuthService) -> None:
    """The service sees to both."""
    code, client = get_code(service), client_of(service)
    redeem(client, code, REDIRECT)
    with pytest.raises(LoginRefused, match="works once"):
        redeem(client, code, REDIRECT)
    with pytest.raises(LoginRefused, match="works once"):
        redeem(client, get_code(service), REDIRECT + "/other")


def test_a_wrong_client_secret_is_the_reason(service: OAuthService) -> None:
    """The service refuses it, and no secret is in what is said of that."""
    client = client_of(service, "a-wrong-client-secret")
    with pytest.raises(LoginUnavailable) as caught:
        redeem(client, get_code(service), REDIRECT)
    assert "a-wrong-client-secret" not in caught.value.message


@both
@pytest.mark.parametrize("fault", ["success_false", "down", "hang_up", "garbage", "redirect"])
def test_the_key_is_asked_for_again(service: OAuthService, trade: Try, fault: str) -> None:
    """A grant works once: what it gave is not thrown away for a trouble of the moment."""
    service.behave(fault=fault, at="user_info", times=len(PAUSES))
    assert trade(service).key == Secret(service.key)
    assert (service.calls[TOKEN], service.calls[USER_INFO]) == (1, len(PAUSES) + 1)


def test_between_the_tries_there_is_a_pause(service: OAuthService) -> None:
    """A growing one."""
    rests: list[float] = []
    service.behave(fault="down", at="user_info")
    with pytest.raises(LoginServiceFailed):
        renew(client_of(service), Secret(service.issue().refresh), rest=rests.append)
    assert rests == sorted(rests) == list(PAUSES)


@pytest.mark.parametrize("way", ["rotated", "none"])
def test_new_tokens_go_along_with_the_error_that_hides_the_key(
    service: OAuthService, way: str
) -> None:
    """The old refresh token is worth nothing any more; with the new one the next try works."""
    service.behave(fault="down", at="user_info", times=len(PAUSES) + 1, refresh_token=way)
    with pytest.raises(HalfRenewed, match="503") as caught:
        try_renew(service)
    assert [caught.value.refresh.reveal()] == list(service.refresh_tokens)
    assert caught.value.access.reveal() in service.access_tokens
    login = renew(client_of(service), caught.value.refresh)
    assert login.key == Secret(service.key)


def test_a_code_whose_key_is_not_told_is_lost(service: OAuthService) -> None:
    """There is nothing to go on with: the login is begun again."""
    service.behave(fault="down", at="user_info")
    with pytest.raises(LoginServiceFailed, match="503") as caught:
        try_redeem(service)
    assert not isinstance(caught.value, HalfRenewed)


def test_an_access_token_that_is_unknown_ends_a_renewal_for_good(service: OAuthService) -> None:
    """It is not tried again; of a login just made it is a refusal."""
    service.behave(fault="unauthorized", at="user_info")
    with pytest.raises(LoginRequired):
        try_renew(service)
    assert service.calls[USER_INFO] == 1
    with pytest.raises(LoginRefused, match="has just given"):
        try_redeem(service)


def test_a_slow_service_is_not_waited_for_longer_than_said(service: OAuthService) -> None:
    """The limit is in seconds, for each call."""
    service.gate.clear()
    with pytest.raises(LoginServiceFailed, match="does not answer"):
        try_renew(service, timeout=0.2)
    service.gate.set()


def drip(connection: socket.socket) -> None:
    """An answer that never falls silent and never ends."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" ")


def packed(connection: socket.socket) -> None:
    """An answer that nobody asked to be packed."""
    body = gzip.compress(b'{"access_token": "a"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    replies(head + body)(connection)


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (drip, "does not come to an end"),
        (packed, "cannot be understood"),
        (replies(b"SSH-2.0-server\r\n"), "cannot be reached"),
        (replies(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "cannot be reached"),
    ],
    ids=["drip", "packed", "no-http", "cut"],
)
def test_a_strange_answer_is_a_trouble_of_the_moment(
    play: Callable[[socket.socket], None], words: str
) -> None:
    """Whatever stands in the service's place."""
    with stub(play) as server, pytest.raises(LoginServiceFailed, match=words):
        renew(client_at(server), Secret("refresh"), timeout=1)


def client_at(server: Stub) -> OAuthClient:
    """A client of whatever listens there."""
    return OAuthClient(
        parse_base_url(f"http://127.0.0.1:{server.port}"), CLIENT_ID, Secret("made-up")
    )


def test_nobody_there_is_a_trouble_of_the_moment() -> None:
    """The message names the service, and why."""
    with OAuthService() as service:
        client = client_of(service)
    with pytest.raises(LoginServiceFailed, match=r"cannot be reached.*refused") as caught:
        renew(client, Secret("refresh"))
    assert str(client.url) in caught.value.message


@pytest.mark.parametrize("written", ["a+refresh/token", "a%2Brefresh%2Ftoken"])
@pytest.mark.parametrize("where", ["error_description", "message"])
def test_a_service_that_quotes_a_secret_is_not_quoted(written: str, where: str) -> None:
    """However it writes it; Spring's servers do quote an unknown refresh token."""
    body = b'{"error": "x", "%b": "no: %b"}' % (where.encode(), written.encode())
    answer = b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with stub(replies(answer)) as server, pytest.raises(LoginServiceFailed) as caught:
        renew(client_at(server), Secret("a+refresh/token"))
    assert "refresh/" not in str(caught.value)
    assert written not in str(caught.value)
    assert "no: …oken" in str(caught.value)


def test_a_secret_of_one_letter_leaves_the_words_whole() -> None:
    """It hides nothing, and stands in every other word."""
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    with (
        stub(replies(answer)) as server,
        pytest.raises(LoginServiceFailed, match="service answered"),
    ):
        renew(client_at(server), Secret("e"))


def test_no_redirect_is_followed(service: OAuthService) -> None:
    """It would take the client secret along."""
    with stub() as elsewhere:
        service.behave(fault="redirect", at="both", location=f"http://127.0.0.1:{elsewhere.port}/")
        with pytest.raises(LoginServiceFailed):
            try_renew(service)
        assert elsewhere.connections == 0


def test_the_environment_does_not_lead_the_call_astray(
    service: OAuthService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy named there may be the relay itself."""
    with stub() as elsewhere:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        assert try_renew(service).key == Secret(service.key)
        assert elsewhere.connections == 0


def test_a_proxy_is_gone_through(service: OAuthService) -> None:
    """With its own login, which is not the service's."""
    heads: list[bytes] = []

    def play(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with stub(play) as proxy, pytest.raises(LoginServiceFailed, match="502"):
        try_renew(service, proxy=Proxy("http", "127.0.0.1", proxy.port, Secret("me:password")))
    assert heads[0].startswith(f"POST {service.url}{TOKEN} HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: basic bwu6cgfzc3dvcmq=" in heads[0].lower()
    assert service.calls[TOKEN] == 0


@both
def test_no_secret_is_logged(
    service: OAuthService, trade: Try, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at the most talkative: the access token stands in an address."""
    caplog.set_level(logging.DEBUG)
    login = trade(service)
    assert login.refresh is not None
    for secret in (login.key, login.access, login.refresh, Secret(service.secret)):
        plain = secret.reveal()
        assert plain not in caplog.text
        assert plain.replace("+", "%2B").replace("/", "%2F")[:12] not in caplog.text
        assert plain not in repr(login)
    assert "accessToken" not in caplog.text


@both
@pytest.mark.parametrize("at", ["token", "user_info"])
@pytest.mark.parametrize("fault", ["hang_up", "down", "success_false", "html"])
def test_no_secret_hangs_on_an_error(
    service: OAuthService, trade: Try, fault: str, at: str
) -> None:
    """Neither on the error nor on those it came from."""
    service.behave(fault=fault, at=at)
    with pytest.raises(LoginError) as caught:
        trade(service)
    error: BaseException | None = caught.value
    while error is not None:
        said = f"{error!s} {error!r} {error.args!r}"
        assert service.secret not in said
        assert "access+" not in said
        assert "refresh+" not in said
        assert getattr(error, "_request", None) is None
        error = error.__cause__ or error.__context__
