"""Upstreams that are known by name, and base URLs as people write them."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from .credential import BaseUrl, is_loopback, parse_base_url

CLOSED: Final = (
    "iFlow's own service closed in April 2026: log in to another upstream with "
    "`iflow-relay login`, or set IFLOW_BASE_URL and IFLOW_API_KEY"
)


class KnownUpstream(NamedTuple):
    """One entry of `upstreams.toml`; `source` documents the base URL, `keys_at` makes keys."""

    name: str
    title: str
    base_url: str
    needs_key: bool
    keys_at: str | None
    source: str


@cache
def known_upstreams() -> tuple[KnownUpstream, ...]:
    """All of them, in the table's order."""
    text = files(__package__).joinpath("upstreams.toml").read_text("utf-8")
    optional = {"needs_key": True, "keys_at": None}
    return tuple(KnownUpstream(**(optional | entry)) for entry in tomllib.loads(text)["upstream"])


def find_upstream(name: str) -> KnownUpstream:
    """The one of this name; raises ValueError with the nearest name and all of them."""
    wanted = name.strip().lower()
    by_name = {known.name: known for known in known_upstreams()}
    if wanted in by_name:
        return by_name[wanted]
    near = difflib.get_close_matches(wanted, by_name, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"{name!r} is no upstream known here.{guess} Known: {', '.join(by_name)}")


_TOO_FAR: Final = ("/chat/completions", "/completions", "/models")
"""Ends of addresses that are copied from examples, where the base alone is wanted."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def repair_base_url(text: str) -> tuple[BaseUrl, tuple[str, ...]]:
    """The base URL that was meant, and in words each thing that was mended.

    A missing scheme is filled in, and what goes further than the base is taken off. Raises
    ValueError with what is wrong and what is accepted; one with a login in it is never quoted.
    """
    address, repairs = text.strip(), []
    if not address:
        raise ValueError("the base URL is empty: write it like https://api.example.com/v1")
    if "@" not in address and not _SCHEME.match(address):
        scheme = _guess_scheme(address)
        repairs.append(f"{scheme}:// put before it")
        address = f"{scheme}://{address.lstrip('/')}"
    if address.lower().startswith(("http://", "https://")):
        address, cut = _cut(address)
        repairs += [f"{cut} taken off its end"] if cut else []
    return parse_base_url(address), tuple(repairs)


def _guess_scheme(address: str) -> str:
    """What a host without a scheme is spoken to by: TLS, but for this machine."""
    try:
        host = urlsplit(f"//{address.lstrip('/')}").hostname or ""
    except ValueError:
        host = ""
    return "http" if is_loopback(host) else "https"


def _cut(address: str) -> tuple[str, str]:
    """The address without an end that goes too far, and that end."""
    bare = address.rstrip("/")
    for end in _TOO_FAR:
        if bare.lower().endswith(end):
            return bare[: -len(end)], bare[-len(end) :]
    return address, ""
