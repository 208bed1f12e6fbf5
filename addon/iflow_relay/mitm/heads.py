"""What an upstream's response head says of itself, and whether it may be believed."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.net.http import status_codes
from mitmproxy.net.http.validate import validate_headers

from ..errors import UpstreamInvalid
from ..headers import by_name


def check_head(response: http.Response, *, to_the_letter: bool) -> UpstreamInvalid | None:
    """What is wrong with a response head, if anything."""
    if response.status_code < 200:
        return UpstreamInvalid(f"The upstream answered {response.status_code} to a request.")
    if to_the_letter:
        try:
            validate_headers(response)
        except ValueError as error:
            return UpstreamInvalid(f"The upstream's answer has a head that is no HTTP: {error}")
    return None


def is_delimited(response: http.Response) -> bool:
    """Whether the answer's own framing says where its body ends."""
    said = by_name(response.headers.fields)
    return (
        response.is_http2
        or "content-length" in said
        or "chunked" in said.get("transfer-encoding", "").lower()
    )


def make_http1(response: http.Response) -> None:
    """Make an HTTP/2 answer one that either kind of client connection can write."""
    if response.is_http2 or response.is_http3:
        response.http_version = "HTTP/1.1"
        response.reason = status_codes.RESPONSES.get(response.status_code, "")
