"""Who may call: the Host, Origin and key of a request against what the user allowed."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from .credential import Secret, is_address, is_loopback
from .errors import ForbiddenHost, ForbiddenOrigin, WrongKey
from .routing import HostPattern

LOOPBACK = "loopback"
"""The name in `iflow_cors_origins` for pages that this machine itself serves."""


_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:@\[\]/]*))(?::\d*)?", re.ASCII)


def host_of(authority: str) -> str:
    """The host of a Host header: without port, brackets and a final dot, in lower case."""
    written = authority.strip().lower()
    match = _AUTHORITY.fullmatch(written)
    # What is no authority is handed on whole: it is nobody's name, and will be refused.
    return (match[1] or match[2].rstrip(".")) if match else written


def is_virtual(host: str, patterns: Iterable[HostPattern]) -> bool:
    """Whether a host name is one of the virtual hosts."""
    return any(pattern.matches(host) for pattern in patterns)


def check_host(
    authority: str | None, allowed: Iterable[HostPattern], *, any_address: bool = False
) -> None:
    """Raise ForbiddenHost unless the Host header names this machine or a virtual host.

    A page whose name was rebound to a loopback address (DNS rebinding) still sends its own name, so
    an IP address is no sign of one: `any_address` lets it pass.
    """
    host = host_of(authority or "")
    if _is_own(host, tuple(allowed), any_address):
        return
    if host:
        raise ForbiddenHost(
            f"The relay does not answer to the name {host[:100]!r}. If it is yours, add it with "
            f"--set iflow_hosts={host[:100]}, else call 127.0.0.1."
        )
    raise ForbiddenHost("The request has no Host header.")


@functools.lru_cache(maxsize=64)
def _is_own(host: str, allowed: tuple[HostPattern, ...], any_address: bool) -> bool:
    """Whether the host is this machine's; remembered, as nearly all requests name the same one."""
    if any_address and is_address(host):
        return True
    return is_loopback(host) or is_virtual(host, allowed)


def is_allowed_origin(origin: str, allowed: Sequence[str]) -> bool:
    """Whether pages of this origin may call; `*` in a rule stands for anything."""
    origin = origin.lower()
    scheme, _, authority = origin.partition("://")
    if LOOPBACK in allowed and scheme and authority and is_loopback(host_of(authority)):
        return True
    rules = [rule.lower() for rule in allowed if rule != LOOPBACK]
    return origin in rules or any(fnmatchcase(origin, rule) for rule in rules)


def check_origin(origin: str | None, allowed: Sequence[str]) -> None:
    """Raise ForbiddenOrigin if a web page calls that was not allowed to."""
    if origin is not None and not is_allowed_origin(origin, allowed):
        raise ForbiddenOrigin(
            f"The page {origin[:200]} may not use this relay. To allow it: "
            f"--set iflow_cors_origins={origin[:200]}"
        )


def check_site(given: Mapping[str, str]) -> None:
    """Raise ForbiddenOrigin where a page of another site has an address loaded.

    An image or a frame sends no Origin, and still could spend: browsers name its site by the field
    `Sec-Fetch-Site` (W3C Fetch Metadata), which pages cannot set.
    """
    if given.get("sec-fetch-site") == "cross-site" and "origin" not in given:
        raise ForbiddenOrigin("A page of another site may not load this address.")


def check_key(presented: str | None, keys: Sequence[Secret]) -> None:
    """Raise WrongKey unless one of the local keys was presented, or none is wanted."""
    if not keys:
        return
    if presented is None:
        raise WrongKey("This relay wants a key: send one of iflow_local_keys as API key.")
    # Every key is compared, so that the time taken tells nothing of which one was close.
    if sum(key.matches(presented) for key in keys) == 0:
        raise WrongKey("The API key is not one of this relay's iflow_local_keys.")


def mark_key(presented: str | None) -> str:
    """What tells one presented key from another, and nothing of what it is."""
    return hashlib.sha256((presented or "").encode("utf-8", "replace")).hexdigest()[:16]
