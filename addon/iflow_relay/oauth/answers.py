"""What an answer of the login service means.

Rules:
1. Tokens may be bare or wrapped as `{success, data}`; numbers may be texts.
2. `invalid_grant` (RFC 6749, 5.2), `invalid_token` (as Spring's servers call a refresh token that
   has expired) and 401 to an access token end the login for good.
3. `success:false` inside an HTTP 200 counts as a trouble of the moment, though a login that is over
   was seen to get it too; so do statuses from 500 on, web pages, and whatever makes no sense.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from ..credential import Secret, parse_key
from ..errors import LoginRequired, LoginServiceFailed, LoginUnavailable, RelayError

MAX_WORDS: Final = 200
"""Letters of the service's own words that are passed on."""

MAX_LIFETIME: Final = 10 * 366 * 24 * 3600.0
"""Seconds; whatever lives longer was not given in seconds."""

LOG_IN_AGAIN: Final = "log in again: iflow-relay login --oauth"

_TOKEN_LIKE: Final = re.compile(r"[!-~]{20,}")
"""Spring's servers quote a refresh token that they do not know."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant gives; `expires_in` in seconds, None where the service does not say."""

    access: Secret
    refresh: Secret | None
    expires_in: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """The API key, and whose it is as far as people have to see it."""

    key: Secret
    name: str | None


def parse_tokens(status: int, body: bytes) -> Tokens:
    """The tokens in an answer to either grant.

    Raises LoginRequired where the grant is worth nothing any more, LoginUnavailable where the
    client secret is wrong, else LoginServiceFailed.
    """
    document = _read(status, body)
    access = _token(document.get("access_token"))
    if access is None:
        raise LoginServiceFailed("The login service gave no access token: try again later.")
    refresh = _token(document.get("refresh_token"))
    return Tokens(access, refresh, _lifetime(document.get("expires_in")))


def parse_account(status: int, body: bytes) -> Account:
    """The API key in an answer of getUserInfo; raises LoginRequired (401), LoginServiceFailed."""
    if status == 401:
        raise LoginRequired(f"The login service does not know this login any more: {LOG_IN_AGAIN}.")
    document = _read(status, body)
    text = document.get("apiKey")
    if not isinstance(text, str) or not text.strip():
        raise LoginServiceFailed(
            "The login service gave no API key for this account: try again later, or log in with "
            "an API key."
        )
    try:
        return Account(parse_key(text), _name(document))
    except ValueError:
        raise LoginServiceFailed(
            "The login service gave an API key that no header can carry: try again later."
        ) from None


def _read(status: int, body: bytes) -> dict[str, Any]:
    """The object that is meant, out of its wrapping; raises the error that it is instead."""
    document = _parse(body)
    if document is None:
        raise LoginServiceFailed(_describe(status, body))
    if failure := _failure(status, document):
        raise failure
    inner = document.get("data")
    return inner if isinstance(inner, dict) else document


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _failure(status: int, document: dict[str, Any]) -> RelayError | None:
    """The error that a JSON answer is, whatever its status."""
    error = document.get("error")
    if error in ("invalid_grant", "invalid_token"):
        return LoginRequired(
            f"The login service does not accept the login any more ({error}): {LOG_IN_AGAIN}."
        )
    if error in ("invalid_client", "unauthorized_client"):
        return LoginUnavailable(
            f"The login service does not accept the client secret ({error}): check "
            "IFLOW_OAUTH_CLIENT_SECRET or the option iflow_oauth_client_secret."
        )
    if 200 <= status < 300 and document.get("success") is not False and not error:
        return None
    words = _words(document)
    if "太多" in words:
        return LoginServiceFailed(
            "The login service says that too many use it at the moment, which it also says of a "
            "login that is over: try again later, then log in again."
        )
    said = f": {words}" if words else " and said nothing more"
    return LoginServiceFailed(f"The login service answered {_number(status, document)}{said}.")


def _describe(status: int, body: bytes) -> str:
    """What an answer is that holds no JSON object."""
    if 300 <= status < 400:
        return f"The login service answered {status} and points elsewhere: is its address right?"
    if status >= 400:
        return f"The login service answered {status}: try again later."
    if body.lstrip()[:1] == b"<":
        return "The login service answered with a web page: is its address right? Else try later."
    return "The login service's answer cannot be understood: try again later."


def _number(status: int, document: dict[str, Any]) -> str:
    """The status that is meant: inside a 200 it stands in the answer's `code`."""
    code = document.get("code")
    inner = code if isinstance(code, int | str) and not isinstance(code, bool) else ""
    return f"{inner}"[:20] if status < 300 and str(inner).isalnum() else str(status)


def _words(document: dict[str, Any]) -> str:
    """What the service says, on one line, without anything that looks like a token."""
    names = ("error_description", "message", "msg", "error")
    texts = (document.get(name) for name in names)
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _TOKEN_LIKE.sub("…", line)[:MAX_WORDS].rstrip(".")


def _token(value: object) -> Secret | None:
    """A token as it can go into a form and a URL; None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return Secret(text) if text and text.isascii() and text.isprintable() else None


def _lifetime(value: object) -> float | None:
    """Seconds; None for what is none, as then nobody knows."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds <= MAX_LIFETIME else None


def _name(document: dict[str, Any]) -> str | None:
    """An address with most of its name hidden, else a user name, never a telephone number."""
    for name in ("email", "username", "nickName"):
        text = document.get(name)
        if isinstance(text, str) and (shown := _shorten(text)):
            return shown
    return None


def _shorten(text: str) -> str:
    line = "".join(letter for letter in text if letter.isprintable()).strip()
    user, at, domain = line.rpartition("@")
    if at:
        return f"{user[:2]}…@{domain}"[:60] if user else ""
    if sum(letter.isdecimal() for letter in line) >= 7:
        return f"{line[:3]}…{line[-2:]}"
    return line[:40]
