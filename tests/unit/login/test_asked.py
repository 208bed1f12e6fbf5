"""What a browser asks is read from the head of its request, whatever that holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.login.asked import Asked, parse_head


def head(*lines: str) -> bytes:
    """A request's head."""
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_callback_is_read() -> None:
    """Method, path, query, host and language; of the rest nothing matters."""
    asked = parse_head(
        head(
            "GET /oauth2callback?code=a&state=b?c HTTP/1.1",
            "HOST:  localhost:11451 ",
            "Cookie: whatever",
            "accept-language: zh-CN",
        )
    )
    assert tuple(asked) == (
        "GET",
        "/oauth2callback",
        "code=a&state=b?c",
        "localhost:11451",
        "zh-CN",
    )


def test_what_is_read_does_not_show_the_code() -> None:
    """Its repr leaves the query out."""
    assert "secret" not in repr(parse_head(head("GET /x?code=secret HTTP/1.1")))


@pytest.mark.parametrize(
    "line",
    ["", "GET", "GET /oauth2callback", "GET /oauth2callback HTTP/2", "/oauth2callback HTTP/1.1"],
)
def test_a_line_that_is_none_asks_for_nothing(line: str) -> None:
    """There is no such method and path together."""
    asked = parse_head(head(line))
    assert (asked.method, asked.path) != ("GET", "/oauth2callback")


@pytest.mark.parametrize(
    ("hosts", "local"),
    [
        (["localhost:11451"], True),
        (["LOCALHOST"], True),
        (["127.0.0.1:11451"], True),
        (["[::1]:11451"], True),
        (["relay.localhost"], True),
        (["example.com"], False),
        (["localhost.example.com:11451"], False),
        (["127.0.0.1.example.com"], False),
        (["192.168.1.2:11451"], False),
        (["[::1"], False),
        ([""], False),
        ([], False),
        (["localhost", "localhost"], False),
        (["example.com", "localhost"], False),
    ],
)
def test_only_names_of_this_machine_are_local(hosts: list[str], local: bool) -> None:
    """A foreign name may be made to lead here by whoever owns it."""
    fields = [f"Host: {host}" for host in hosts]
    assert parse_head(head("GET / HTTP/1.1", *fields)).is_local is local


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing that comes in makes the listener fail."""
    asked = parse_head(data)
    assert isinstance(asked, Asked)
    assert asked.is_local in (True, False)
