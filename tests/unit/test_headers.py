"""Headers rewritten: nothing that shows who the client is goes up, nothing foreign comes down."""

from __future__ import annotations

import pytest

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.headers import (
    CLI_USER_AGENT,
    CREDENTIALS,
    HOP_BY_HOP,
    Field,
    Fields,
    answer_fields,
    authorization,
    by_name,
    cors_fields,
    login_key,
    masked_authorization,
    preflight_fields,
    presented_key,
    request_fields,
    user_agent,
)

KEY = "sk-0123456789abcdef"
IFLOW = parse_base_url("https://apis.iflow.cn/v1")
OTHER = parse_base_url("https://api.example.com/v1")


def sent(*fields: Field, agent: str = "", length: int | None = None) -> Fields:
    """What goes up of these fields, after the three that always do."""
    out = request_fields(fields, authority="h:1", agent=agent, via="1.1 relay", length=length)
    assert out[:3] == ((b"Host", b"h:1"), (b"Accept-Encoding", b"identity"), (b"Via", b"1.1 relay"))
    return out[3:]


@pytest.mark.parametrize(
    ("rule", "base", "agent"),
    [
        ("auto", IFLOW, CLI_USER_AGENT),
        ("auto", OTHER, "curl/8"),
        ("client", IFLOW, "curl/8"),
        ("client", OTHER, "curl/8"),
        ("mine/1", IFLOW, "mine/1"),
        ("mine/1", OTHER, "mine/1"),
    ],
)
def test_the_user_agent_follows_its_rule(rule: str, base: object, agent: str) -> None:
    """The CLI's name goes to iFlow alone, unless the user wrote it out."""
    assert base in (IFLOW, OTHER)
    assert user_agent(rule, IFLOW if base is IFLOW else OTHER, "curl/8") == agent


@pytest.mark.parametrize("name", sorted(CREDENTIALS | HOP_BY_HOP))
@pytest.mark.parametrize("spell", [bytes.lower, bytes.upper, bytes.title])
def test_what_is_the_clients_own_does_not_go_up(name: bytes, spell: object) -> None:
    """Credentials and fields of one connection stay here, however they are spelt."""
    assert callable(spell)
    assert sent((spell(name), b"x"), (b"X-Kept", b"1")) == ((b"X-Kept", b"1"),)


@pytest.mark.parametrize(
    "name",
    [
        *(b"Host", b"User-Agent", b"Accept-Encoding", b"Content-Length", b"Expect", b"Via"),
        *(b"Origin", b"Referer", b"Cookie", b"Sec-Fetch-Site", b"DNT"),
    ],
)
def test_what_the_relay_says_itself_does_not_go_up_twice(name: bytes) -> None:
    """Each copy of such a field is dropped."""
    assert sent((name, b"x"), (name, b"y")) == ()


def test_other_fields_go_up_as_they_came() -> None:
    """Order, case, duplicates and letters of any kind are the client's affair."""
    fields = (
        (b"Content-Type", b"application/json"),
        (b"X-Title", "\u6cb3\u6d41".encode()),
        (b"X-Latin", b"caf\xe9"),
        (b"accept", b"a"),
        (b"accept", b"b"),
        (b"OpenAI-Beta", b"assistants=v2"),
    )
    assert sent(*fields) == fields


@pytest.mark.parametrize(
    "connection",
    [
        ((b"Connection", b"X-Hop"),),
        ((b"connection", b"close, x-hop"),),
        ((b"CONNECTION", b"close,X-HOP , te"),),
        ((b"Connection", b"close"), (b"Connection", b"x-hop")),
        ((b"Connection", b"x-hop"), (b"Connection", b"close")),
    ],
)
def test_fields_that_connection_names_do_not_go_up(connection: Fields) -> None:
    """They concern one connection alone (RFC 9110, section 7.6.1)."""
    assert sent(*connection, (b"X-Hop", b"1"), (b"X-Kept", b"1")) == ((b"X-Kept", b"1"),)


def test_the_fields_may_come_from_any_iterable() -> None:
    """The signature promises it."""
    fields = iter([(b"Connection", b"x-hop"), (b"X-Hop", b"1"), (b"X-Kept", b"1")])
    out = request_fields(fields, authority="h", agent="", via="v", length=None)
    assert out[3:] == ((b"X-Kept", b"1"),)
    kept = answer_fields(iter([(b"X-Kept", b"1"), (b"Set-Cookie", b"1")]), drop=frozenset())
    assert kept == ((b"X-Kept", b"1"),)


def test_a_user_agent_goes_up_where_there_is_one() -> None:
    """A client that sends none stays anonymous."""
    assert sent(agent="curl/8") == ((b"User-Agent", b"curl/8"),)
    assert sent() == ()


@pytest.mark.parametrize(("agent", "raw"), [("caf\udce9", b"caf\xe9"), ("\u6cb3", b"\xe6\xb2\xb3")])
def test_a_user_agent_of_any_letters_goes_up(agent: str, raw: bytes) -> None:
    """mitmproxy reads a byte that is no UTF-8 as a surrogate; it goes out as that byte."""
    assert sent(agent=agent) == ((b"User-Agent", raw),)


def test_a_body_has_its_length() -> None:
    """An empty body has one too, no body has none."""
    assert sent(length=10) == ((b"Content-Length", b"10"),)
    assert sent(length=0) == ((b"Content-Length", b"0"),)


def test_the_key_is_in_its_own_field() -> None:
    """The wire gets the key, the recorded flow gets its mask, and no key is no field."""
    assert authorization(Secret(KEY)) == ((b"Authorization", f"Bearer {KEY}".encode()),)
    assert masked_authorization(Secret(KEY)) == (
        (b"Authorization", "Bearer sk-\u2026cdef".encode()),
    )
    assert authorization(None) == masked_authorization(None) == ()


@pytest.mark.parametrize(
    "name",
    [
        b"Set-Cookie",
        b"set-cookie2",
        b"Alt-Svc",
        b"Strict-Transport-Security",
        b"Connection",
        b"Keep-Alive",
        b"Transfer-Encoding",
        b"Proxy-Authenticate",
        b"Access-Control-Allow-Origin",
        b"Access-Control-Allow-Credentials",
        b"Content-Length",
    ],
)
def test_what_speaks_for_another_host_does_not_come_down(name: bytes) -> None:
    """The client never talked to the upstream's host, and what is in `drop` is said anew."""
    fields = ((name, b"x"), (b"X-Request-Id", b"1"))
    out = answer_fields(fields, drop=frozenset({b"content-length"}))
    assert out == ((b"X-Request-Id", b"1"),)


def test_an_answer_keeps_its_other_fields_and_gets_ours() -> None:
    """Ours come last; fields that the upstream's Connection names are gone."""
    fields = ((b"Connection", b"X-Hop"), (b"x-hop", b"1"), (b"X-RateLimit-Limit", b"5"))
    cors = cors_fields("http://localhost")
    assert answer_fields(fields, cors=cors, drop=frozenset()) == (
        (b"X-RateLimit-Limit", b"5"),
        *cors,
    )


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ((), None),
        (((b"Authorization", b"Bearer k"),), "k"),
        (((b"authorization", b"bearer  k "),), "k"),
        (((b"X-Api-Key", b"k"),), "k"),
        (((b"api-key", b" k "),), "k"),
        (((b"x-goog-api-key", b"k"),), "k"),
        (((b"x-api-key", b"b"), (b"Authorization", b"Bearer a")), "a"),
        (((b"Authorization", b"Bearer a"), (b"Authorization", b"Bearer b")), "a"),
        (((b"Authorization", b""), (b"x-api-key", b"k")), "k"),
        (((b"Authorization", b"Basic abc"),), None),
        (((b"Authorization", b"Bearer"),), ""),
        (((b"Authorization", b"k"),), None),
        (((b"Authorization", b"Bearer \xe9"),), "\u00e9"),
    ],
)
def test_the_key_that_a_client_presents_is_found(fields: Fields, key: str | None) -> None:
    """OpenAI's field comes first, then those of other APIs; the first of two copies counts."""
    assert presented_key(fields) == key


def test_a_page_that_calls_may_read_the_answer() -> None:
    """A client that is no page gets none of these fields."""
    assert cors_fields(None) == ()
    fields = dict(cors_fields("https://app.example.com"))
    assert fields[b"Access-Control-Allow-Origin"] == b"https://app.example.com"
    assert fields[b"Vary"] == b"Origin"


@pytest.mark.parametrize("origin", ["https://\u6cb3", "\udce9", ""])
def test_an_origin_of_any_letters_can_be_written(origin: str) -> None:
    """It is a client's header, so it can hold anything."""
    assert all(isinstance(value, bytes) for _, value in preflight_fields(origin, origin))


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [("authorization, x-stainless-os", b"authorization, x-stainless-os"), ("", b"*")],
)
def test_a_preflight_allows_what_was_asked(requested: str, allowed: bytes) -> None:
    """SDKs add fields of their own, which a fixed list would not have."""
    fields = dict(preflight_fields("http://localhost", requested))
    assert fields[b"Access-Control-Allow-Headers"] == allowed
    assert b"POST" in fields[b"Access-Control-Allow-Methods"]
    assert fields[b"Access-Control-Allow-Origin"] == b"http://localhost"


def test_values_are_found_by_name() -> None:
    """In lower case; a field that comes again is joined (RFC 9110, section 5.3)."""
    fields = ((b"Host", b"a"), (b"VIA", b"1.1 x"), (b"via", b"1.1 y"), (b"X", b"\xff\xc3\xa4"))
    assert by_name(fields) == {"host": "a", "via": "1.1 x, 1.1 y", "x": "\udcff\u00e4"}


@pytest.mark.parametrize(
    ("login", "key"),
    [
        (b"Bearer sk-1", "sk-1"),
        (b"bearer  sk-1 ", "sk-1"),
        (b"Basic YTpzay0x", "sk-1"),
        (b"basic OnNrLTE=", "sk-1"),
        (b"Basic YTpiOmM=", "b:c"),
        (b"Basic YQ==", None),
        (b"Basic !", None),
        (b"Basic /w==", None),
        (b"Digest sk-1", None),
        (b"", None),
    ],
)
def test_the_key_for_a_proxy_is_a_password_or_a_bearers(login: bytes, key: str | None) -> None:
    """Whatever the name beside it."""
    assert login_key(login) == key
