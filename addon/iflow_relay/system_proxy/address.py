"""The PAC address that the system is told: read, and refused where it would lead elsewhere."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ..credential import is_loopback

PAC_PATH: Final = "/proxy.pac"

_LETTERS = re.compile(r"[A-Za-z0-9!#$%&()*+,./:;=?@\[\]_~-]+")
"""Those of a URL (RFC 3986), without the quote that gsettings and shells give a meaning to."""


def parse_pac_url(text: str, *, anywhere: bool = False) -> str:
    """Read a PAC address; raises ValueError, also for another host than this unless `anywhere`."""
    example = f"write it like http://127.0.0.1:8000{PAC_PATH}"
    url = text.strip()
    if not _LETTERS.fullmatch(url):
        raise ValueError(f"{text!r} is empty, or has letters that no URL has: {example}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} has a host or port that is none: {example}") from error
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{text!r} is no http:// or https:// address: {example}")
    if not host or "@" in parts.netloc:
        raise ValueError(f"{text!r} names no host, or a user: {example}")
    if not anywhere and not is_loopback(host):
        raise ValueError(
            f"{host} is another machine: whoever controls it would choose the proxy of every "
            "program here. Add --yes if that is meant"
        )
    return url


def is_local_pac(url: str) -> bool:
    """Whether an address looks like a relay's: plain HTTP to this machine's `/proxy.pac`."""
    try:
        parts = urlsplit(url)
        local = is_loopback(parts.hostname or "") and (parts.port or 80) > 0
    except ValueError:
        return False
    return local and parts.scheme == "http" and parts.path.endswith(PAC_PATH)
