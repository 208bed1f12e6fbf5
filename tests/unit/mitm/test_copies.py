"""What is made without mitmproxy's checks is what its constructors would have made."""

from __future__ import annotations

from mitmproxy import http

from iflow_relay.mitm.copies import headers_of, twin

FIELDS = ((b"Host", b"a"), (b"X", b"1"), (b"x", b"2"))


def test_headers_are_mitmproxys_own() -> None:
    """Equal, and as good to work with."""
    made = headers_of(FIELDS)
    assert made == http.Headers(FIELDS)
    made["x"] = "3"
    assert made.fields == ((b"Host", b"a"), (b"X", b"3"))


def test_a_twin_is_equal_and_its_parts_can_be_replaced() -> None:
    """The first request stays as it was."""
    first = http.Request.make("POST", "https://a.test/p", b"body", FIELDS)
    second = twin(first)
    assert second.get_state() == first.get_state()
    second.path = "/other"
    second.headers = headers_of(())
    second.data.http_version = b"HTTP/2.0"
    assert (first.path, first.http_version) == ("/p", "HTTP/1.1")
    assert first.headers["X"] == "1, 2"
    assert type(second) is http.Request
