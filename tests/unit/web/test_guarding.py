"""Who may use the page: the rules one by one, and together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.web.browsing import ORIGIN, make_asked

from iflow_relay.credential import Secret
from iflow_relay.errors import (
    ForbiddenOrigin,
    InvalidJson,
    InvalidRequest,
    RelayError,
    RequestTooLarge,
    UnsupportedMedia,
)
from iflow_relay.web.guarding import (
    MAX_BODY,
    SECURITY,
    check_page,
    check_token,
    read_object,
    secured,
)

JSON = {"Content-Type": "application/json"}
TOKEN = Secret("the-token-of-this-start")

OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
LINK = TYPED | {"Sec-Fetch-Site": "cross-site"}
NEIGHBOUR = TYPED | {"Sec-Fetch-Site": "same-site"}
FRAME = LINK | {"Sec-Fetch-Dest": "iframe"}
SCRIPT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
FETCH = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@pytest.mark.parametrize(
    ("fields", "method", "open_to_links", "allowed"),
    [
        ({}, "GET", False, True),
        ({}, "POST", False, True),
        (OWN, "GET", False, True),
        (OWN, "POST", False, True),
        (TYPED, "GET", True, True),
        (TYPED, "GET", False, True),
        (LINK, "GET", True, True),
        (LINK, "HEAD", True, True),
        (LINK, "GET", False, False),
        (LINK, "POST", True, False),
        (NEIGHBOUR, "GET", True, True),
        (NEIGHBOUR, "GET", False, False),
        (FRAME, "GET", True, False),
        (SCRIPT, "GET", True, False),
        (SCRIPT, "GET", False, False),
        (FETCH, "GET", True, False),
        (FETCH, "POST", False, False),
        ({"Sec-Fetch-Site": "cross-site"}, "GET", True, False),
        ({"Sec-Fetch-Site": ""}, "GET", True, False),
        ({"Sec-Fetch-Site": "something-new"}, "GET", False, False),
        ({"Origin": ORIGIN}, "POST", False, True),
        ({"Origin": ORIGIN.upper()}, "POST", False, True),
        ({"Origin": "null"}, "POST", False, False),
        ({"Origin": ""}, "POST", False, False),
        ({"Origin": "http://127.0.0.1:8001"}, "POST", False, False),
        ({"Origin": "http://localhost:8000"}, "POST", False, False),
        ({"Origin": "https://127.0.0.1:8000"}, "POST", False, False),
        ({"Origin": f"{ORIGIN}.evil.example"}, "GET", False, False),
        ({"Origin": "https://evil.example"}, "GET", True, False),
        (OWN | {"Origin": "https://evil.example"}, "POST", False, False),
        (LINK | {"Origin": "https://evil.example"}, "GET", True, False),
    ],
)
def test_only_the_page_itself_asks(
    fields: dict[str, str], method: str, open_to_links: bool, allowed: bool
) -> None:
    """A link may lead to what is made to be linked to; everything else is the page's own."""
    asked = make_asked(method, "/", fields=fields)
    if allowed:
        check_page(asked, open_to_links=open_to_links)
        return
    with pytest.raises(ForbiddenOrigin):
        check_page(asked, open_to_links=open_to_links)


@pytest.mark.parametrize("presented", [None, "", "wrong", TOKEN.reveal() + "x", "\u00fc", "\udcff"])
def test_without_the_token_of_this_start_nothing_goes(presented: str | None) -> None:
    """The page that a relay of before has sent is told to load again."""
    fields = () if presented is None else ((b"X-Relay-Token", _bytes(presented)),)
    with pytest.raises(ForbiddenOrigin, match=r"^Load the page again"):
        check_token(make_asked("GET", "/ui/state")._replace(fields=fields), TOKEN)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def test_with_the_token_a_call_passes() -> None:
    """However the field's name is written."""
    check_token(make_asked("GET", "/", fields={"x-ReLaY-tOkEn": TOKEN.reveal()}), TOKEN)


@pytest.mark.parametrize(
    ("media", "error"),
    [
        ("application/json", None),
        ("Application/JSON; charset=utf-8", None),
        ("", UnsupportedMedia),
        (None, UnsupportedMedia),
        ("text/plain", UnsupportedMedia),
        ("application/x-www-form-urlencoded", UnsupportedMedia),
        ("multipart/form-data; boundary=x", UnsupportedMedia),
        ("application/jsonp", UnsupportedMedia),
        ("text/plain; application/json", UnsupportedMedia),
    ],
)
def test_what_is_posted_says_that_it_is_json(
    media: str | None, error: type[RelayError] | None
) -> None:
    """What a form or a simple request can send is no JSON by name."""
    asked = make_asked("POST", "/", b"{}", {"Content-Type": media})
    if error is None:
        assert read_object(asked) == {}
        return
    with pytest.raises(error):
        read_object(asked)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", InvalidJson),
        (b"{", InvalidJson),
        (b'{"a": 1} x', InvalidJson),
        (b"\xff\xfe\xff", InvalidJson),
        (b"[" * 60_000, InvalidJson),
        (b"[]", InvalidRequest),
        (b"null", InvalidRequest),
        (b'"text"', InvalidRequest),
        (b"1", InvalidRequest),
        (b" " * MAX_BODY + b"{}", RequestTooLarge),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, error: type[RelayError]) -> None:
    """Broken, too large, too deep, or something else."""
    with pytest.raises(error):
        read_object(make_asked("POST", "/", body, JSON))


def test_the_largest_body_is_read() -> None:
    """The limit itself is within it."""
    body = b"{" + b" " * (MAX_BODY - 2) + b"}"
    assert read_object(make_asked("POST", "/", body, JSON)) == {}


@given(st.text(min_size=8))
def test_no_refusal_of_a_body_quotes_it(text: str) -> None:
    """A key may stand in it, and what is refused may be shown or logged."""
    body = b"{" + text.encode("utf-8", "replace")
    with pytest.raises(RelayError) as raised:
        read_object(make_asked("POST", "/", body, JSON))
    assert text not in raised.value.message
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_every_answer_is_closed_to_other_pages() -> None:
    """It cannot be framed, sniffed, kept, or run as something else; and no page is let in."""
    fields = dict(secured(((b"Content-Type", b"text/html"),)))
    assert fields.keys() == {b"Content-Type", *dict(SECURITY)}
    policy = fields[b"Content-Security-Policy"].decode().split("; ")
    assert policy[0] == "default-src 'none'"
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'none'" in policy
    assert not any("unsafe" in rule or "*" in rule or "http" in rule for rule in policy)
    assert fields[b"Cache-Control"] == b"no-store"
    assert not any(name.lower().startswith(b"access-control") for name in fields)


def test_an_answers_own_field_goes_before() -> None:
    """A file says itself how it may be kept."""
    fields = secured(((b"cache-control", b"no-cache"),))
    assert [value for name, value in fields if name.lower() == b"cache-control"] == [b"no-cache"]
