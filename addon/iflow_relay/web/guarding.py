"""Who may use the page: nobody but the page itself, in a browser that was led to it.

Rules, in this order:
1. `Sec-Fetch-Site`, where a browser sends it, is `same-origin`, or `none` (typed, bookmarked). A
   link may lead here from anywhere: a navigation of the whole tab passes, a frame does not.
2. `Origin`, where one is sent, is the page's own; `null` is not.
3. JSON calls carry the token of this start in a field of their own, which no foreign page can set
   without a preflight, and none can read.
4. What is posted says that it is JSON, which no form can.
5. A body has at most 64 KB: the longest, a pasted address, has a few.

Who reached this at all has named an allowed host and, where local keys are set, one of them.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ..credential import Secret
from ..errors import (
    ForbiddenOrigin,
    InvalidJson,
    InvalidRequest,
    RequestTooLarge,
    UnsupportedMedia,
)
from ..headers import Fields
from .asked import Asked

MAX_BODY: Final = 64 << 10
"""Bytes of a body."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY: Final[Fields] = (
    (b"Content-Security-Policy", POLICY.encode()),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Cache-Control", b"no-store"),
)
"""Fields of every answer; one that an answer brings itself goes before."""

_STRANGER: Final = "Only the relay's own page may ask this."


def check_page(asked: Asked, *, open_to_links: bool) -> None:
    """Raise ForbiddenOrigin where another page asks; `open_to_links` where a link may lead here."""
    given = asked.given
    site = given.get("sec-fetch-site")
    navigates = given.get("sec-fetch-mode") == "navigate"
    whole_tab = navigates and given.get("sec-fetch-dest") == "document"
    led_here = open_to_links and whole_tab and asked.method in ("GET", "HEAD")
    if site not in (None, "same-origin", "none") and not led_here:
        raise ForbiddenOrigin(_STRANGER)
    if given.get("origin", asked.origin).lower() != asked.origin.lower():
        raise ForbiddenOrigin(_STRANGER)


def check_token(asked: Asked, token: Secret) -> None:
    """Raise ForbiddenOrigin without the token that this start has put into its page."""
    if not token.matches(asked.given.get("x-relay-token", "")):
        raise ForbiddenOrigin("Load the page again: the relay was started anew.")


def read_object(asked: Asked) -> dict[str, Any]:
    """The JSON object that was posted; raises the RequestError that it is instead."""
    media = asked.given.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise UnsupportedMedia("Send JSON, with Content-Type: application/json.")
    if len(asked.body) > MAX_BODY:
        raise RequestTooLarge(f"The body has more than {MAX_BODY >> 10} KB.")
    try:
        document = json.loads(asked.body)
    except (ValueError, RecursionError):
        # Without the reason, and without a cause: both would quote what was sent.
        raise InvalidJson("The body is no JSON.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The body is JSON, but no object.")
    return document


def secured(fields: Fields) -> Fields:
    """An answer's fields, with those that every answer has."""
    own = {name.lower() for name, _ in fields}
    return (*fields, *(field for field in SECURITY if field[0].lower() not in own))
