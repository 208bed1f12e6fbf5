"""Plain requests to a proxy: whose they are, what goes on of them, and where they end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.framing import MAX_HEAD, Body, Upgrade, find_end, parse_plain

LINE = b"GET http://a.invalid/x HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        (b"http://a.invalid/x?y=%2e", "a.invalid", 80, b"/x?y=%2e"),
        (b"http://a.invalid", "a.invalid", 80, b"/"),
        (b"http://a.invalid?y", "a.invalid", 80, b"/?y"),
        (b"HTTP://A.invalid:8080/", "A.invalid", 8080, b"/"),
        (b"http://a.invalid:/", "a.invalid", 80, b"/"),
        (b"http://a.invalid./", "a.invalid.", 80, b"/"),
        (b"http://me:secret@a.invalid/", "a.invalid", 80, b"/"),
        (b"http://[2001:db8::1]:81/x", "2001:db8::1", 81, b"/x"),
        (b"http://192.0.2.1/http://b.invalid/", "192.0.2.1", 80, b"/http://b.invalid/"),
    ],
)
def test_an_absolute_form_names_its_server(url: bytes, host: str, port: int, target: bytes) -> None:
    """Which gets the origin form; another proxy gets it as it is."""
    plain = parse_plain(b"GET " + url + b" HTTP/1.0\r\nHost: x\r\n\r\n")
    assert plain is not None
    assert (plain.host, plain.port) == (host, port)
    assert plain.head == b"GET " + target + b" HTTP/1.0\r\nHost: x\r\n\r\n"
    assert plain.proxy_head == b"GET " + url + b" HTTP/1.0\r\nHost: x\r\n\r\n"
    assert plain.body.ended


def test_a_question_about_the_whole_server_stays_one() -> None:
    """`OPTIONS http://a.invalid` is `OPTIONS *` there (RFC 9112, section 3.2.4)."""
    plain = parse_plain(b"OPTIONS http://a.invalid HTTP/1.1\r\n\r\n")
    assert plain
    assert plain.head.startswith(b"OPTIONS * HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET https://a.invalid/ HTTP/1.1\r\n",
        b"CONNECT a.invalid:443 HTTP/1.1\r\n",
        b"GET http://a.invalid/ HTTP/2.0\r\n",
        b"GET  http://a.invalid/ HTTP/1.1\r\n",
        b"GET http://a.invalid/ x HTTP/1.1\r\n",
        b"GET http:///x HTTP/1.1\r\n",
        b"GET http://a.invalid/\r\nX: y HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
def test_anything_else_is_left_to_whoever_knows(line: bytes) -> None:
    """It is no request that is passed on here."""
    assert parse_plain(line + b"Host: a.invalid\r\n\r\n") is None


FIELDS = [
    b"hOsT:a.invalid\r\n",
    b"X-Same:  1 \r\nx-same:\t2\r\n",
    b"X-Folded: a\r\n  b\r\n\tc\r\n",
    b"Odd-Space : x\r\n",
    b"no colon at all\r\n",
    b"Latin: \xe4\r\n",
    b"Bare-Line-Feed: x\nNext: y\r\n",
    b"Connection: Proxy-Connection, close\r\n",
    b"X-Proxy-Authorization: kept\r\n",
]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_fields_pass_byte_for_byte(end: bytes) -> None:
    """Case, order, spacing and folds are the client's own."""
    fields = b"".join(FIELDS) + end
    plain = parse_plain(LINE + fields)
    assert plain
    assert plain.head == b"GET /x HTTP/1.1\r\n" + fields
    assert plain.proxy_head == LINE + fields


@pytest.mark.parametrize(
    "field",
    [
        b"Proxy-Authorization: Basic c2VjcmV0\r\n",
        b"proxy-authorization:\r\n Basic c2VjcmV0\r\n",
        b"PROXY-AUTHORIZATION : Basic c2VjcmV0\r\n",
        b"Proxy-Connection: keep-alive\r\n",
    ],
)
def test_what_speaks_to_the_proxy_stays_there(field: bytes) -> None:
    """A login for one proxy is no other's affair, nor the server's."""
    plain = parse_plain(LINE + b"Host: x\r\n" + field + b"Accept: y\r\n\r\n")
    assert plain
    assert plain.head == b"GET /x HTTP/1.1\r\nHost: x\r\nAccept: y\r\n\r\n"
    assert plain.proxy_head == LINE + b"Host: x\r\nAccept: y\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GET http://a:70000/ HTTP/1.1\r\n", "address"),
        (b"GET http://a:" + b"1" * 5000 + b"/ HTTP/1.1\r\n", "address"),
        (b"GET http://a:x/ HTTP/1.1\r\n", "address"),
        (b"GET http://a..b/ HTTP/1.1\r\n", "names no host"),
        (b"GET http://" + b"a" * 64 + b".invalid/ HTTP/1.1\r\n", "names no host"),
        (b"GET http://\xe4.invalid/ HTTP/1.1\r\n", "names no host"),
        (LINE + b"Transfer-Encoding: chunked, gzip\r\n", "cannot be told"),
        (LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "cannot be told"),
        (LINE + b"Content-Length: many\r\n", "no number"),
        (LINE + b"Content-Length: -1\r\n", "no number"),
        (LINE + b"Content-Length:\r\n", "no number"),
        (LINE + b"Content-Length: 1\r\ncontent-length: 2\r\n", "no number"),
        (LINE + b"Content-Length: " + b"9" * 5000 + b"\r\n", "no number"),
    ],
)
def test_a_request_whose_end_or_aim_is_unclear_is_refused(head: bytes, reason: str) -> None:
    """What follows could be read as another request than the server reads."""
    with pytest.raises(ValueError, match=reason):
        parse_plain(head + b"\r\n")


def take_byte_by_byte(body: Body, data: bytes) -> None:
    """As a slow client sends it."""
    for at in range(len(data)):
        body.take(data[at : at + 1])


CHUNKED = b"5;x=y\r\nhello\r\n1 \r\n\n\r\n0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"", b""),
        (b"Content-Length: 0\r\n", b""),
        (b"Content-Length: 5\r\n", b"a\r\n\r\n"),
        (b"content-length : 5\r\nContent-Length: 5\r\n", b"hello"),
        (b"Content-Length:\r\n 5\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (b"transfer-encoding: gzip, Chunked\r\nContent-Length: 3\r\n", CHUNKED),
    ],
)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_cutting_gives_the_same_body_and_end(
    fields: bytes, body: bytes, cuts: list[int]
) -> None:
    """The body as it came, and the next request behind it."""
    plain = parse_plain(LINE + fields + b"\r\n")
    assert plain
    whole = body + LINE
    taken, held = b"", b""
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
        held += whole[begin:end]
        if not plain.body.ended:
            mine, held = plain.body.take(held)
            taken += mine
    assert plain.body.ended
    assert taken == body
    assert held == LINE


@pytest.mark.parametrize(
    "data", [b"many\r\n", b"-1\r\n", b"2\r\nhello\r\n", b"\r\n", b"1" * 20_000]
)
def test_a_chunked_body_that_is_none_is_refused(data: bytes) -> None:
    """However it comes."""
    with pytest.raises(ValueError, match="a chunk begins with"):
        Body(None).take(data)
    with pytest.raises(ValueError, match="a chunk begins with"):
        take_byte_by_byte(Body(None), data)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (LINE + b"\r\nGET", len(LINE) + 2),
        (b"GET / HTTP/1.1\n\nx", 16),
        (b"\r\n\r\n", 4),
        (LINE, None),
        (b"x" * (MAX_HEAD + 1) + b"\r\n\r\n", None),
    ],
)
def test_a_head_ends_with_a_blank_line(data: bytes, end: int | None) -> None:
    """With or without carriage returns, as servers read it; one without end has none."""
    assert find_end(data) == end


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", True),
        (INTERIM + b"HTTP/1.1 101 Yes\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 426 No\r\n\r\n", False),
        (b"something else altogether", False),
        (b"HTTP/1.1 100 " + b"x" * MAX_HEAD, False),
        (b"HTTP/1.1 10", None),
        (b"HTTP/1.1 100 Continue\r\n", None),
    ],
)
def test_an_upgrade_is_agreed_to_by_a_101(answer: bytes, agreed: bool | None) -> None:
    """Whole, or byte by byte, behind whatever comes in between."""
    assert Upgrade().feed(answer) is agreed
    upgrade = Upgrade()
    pieces = (answer[:20_000][at : at + 1] for at in range(len(answer[:20_000])))
    told = next((told for piece in pieces if (told := upgrade.feed(piece)) is not None), None)
    assert told is (agreed if len(answer) < 20_000 else None)
