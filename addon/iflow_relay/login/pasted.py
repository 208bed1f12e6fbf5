"""The code out of what a person copied from the browser's address bar."""

from __future__ import annotations

from typing import Final

from ..credential import Secret
from ..errors import LoginRefused
from .oauth import OAuthLogin

MAX_PASTED: Final = 64 << 10
"""Letters: real ones have a few hundred."""


def code_from_pasted(text: str, login: OAuthLogin) -> Secret:
    """The code in an address, or in its query alone; raises LoginRefused as `login.take` does."""
    # A terminal may have broken the address into lines, and a chat put it in brackets.
    address = "".join(text[:MAX_PASTED].split()).strip("<>\"'`")
    address, _, _ = address.partition("#")
    before, mark, query = address.partition("?")
    if not mark:
        query = "" if "://" in before else before
    names = {part.partition("=")[0] for part in query.split("&")}
    if {"client_id", "redirect"} <= names:
        raise LoginRefused(
            "That is the address of the login page itself: log in there, and copy the address of "
            "the page that comes after it."
        )
    if not names & {"code", "error", "state"}:
        raise LoginRefused(
            "That is not the address of the page that comes after the login: copy all of it, from "
            "http:// on; it has code= and state= in it."
        )
    return login.take(query)
