"""Which variables send a program's calls through the relay, and let it trust what it meets there.

Variables that name certificates are of two kinds. Most replace the program's own store, so that
they get a file in which what was trusted before stands beside the relay's certificate. Two add:
NODE_EXTRA_CA_CERTS, and DENO_CERT, which Deno puts on top of the stores of DENO_TLS_CA_STORE.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from .routing import HostPattern

PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
"""Read in capitals by some programs, in small letters by others (curl: `http_proxy` alone)."""

LOCAL: Final = ("localhost", "127.0.0.1", "::1")
"""What programs reach on this machine itself, past any proxy."""

REPLACING: Final[Mapping[str, tuple[str, ...]]] = {
    "SSL_CERT_FILE": (),
    "CURL_CA_BUNDLE": ("SSL_CERT_FILE",),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    "AWS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE",),
    "GIT_SSL_CAINFO": ("http.sslCAInfo",),
    "CARGO_HTTP_CAINFO": ("SSL_CERT_FILE",),
}
"""Variables that name the whole store, and what the programs that read them go by without them.

Setting one hides the others from the program, so it has to hold what those held. `http.sslCAInfo`
is git's own setting and no variable.
"""

ADDING: Final = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""Variables that name certificates to be trusted beside the program's own store."""

SPELLINGS: Final = tuple(name for upper in PROXIES for name in (upper, upper.lower()))
VARIABLES: Final = (
    *SPELLINGS,
    "NO_PROXY",
    "no_proxy",
    "NODE_USE_ENV_PROXY",
    *ADDING,
    *REPLACING,
)
"""All that may be set."""


class Source(NamedTuple):
    """What a program trusts so far: the file or folder that `name` named, and `folders` beside it.

    Without a name it is the system's bundle.
    """

    name: str | None
    path: str | None
    folders: tuple[str, ...] = ()


class Proxied(NamedTuple):
    """The variables to set, and the entries of NO_PROXY that would have led past the relay."""

    variables: dict[str, str]
    left_out: tuple[str, ...]


def read_sources(before: Mapping[str, str]) -> dict[str, Source]:
    """For each replacing variable what its programs trust without us."""
    return {name: _read_source((name, *others), before) for name, others in REPLACING.items()}


def proxied(
    before: Mapping[str, str],
    *,
    proxy: str,
    hosts: Iterable[HostPattern],
    trust: Mapping[str, Path],
) -> Proxied:
    """What to set for the relay at `proxy`; `trust` gives the file of each certificate variable."""
    patterns = tuple(hosts)
    entries = dict.fromkeys(
        entry
        for name in ("NO_PROXY", "no_proxy")
        for entry in re.split(r"[,\s]+", before.get(name, ""))
        if entry
    )
    left_out = tuple(e for e in entries if any(covers(e, pattern) for pattern in patterns))
    bypass = ",".join(dict.fromkeys((*(e for e in entries if e not in left_out), *LOCAL)))
    return Proxied(
        dict.fromkeys(SPELLINGS, proxy)
        | {"NO_PROXY": bypass, "no_proxy": bypass, "NODE_USE_ENV_PROXY": "1"}
        | {name: str(path) for name, path in trust.items()},
        left_out,
    )


def covers(entry: str, host: HostPattern) -> bool:
    """Whether an entry of NO_PROXY would send calls to the virtual host past the relay.

    Programs differ in how they read one, so the widest reading counts: with or without a dot or
    star before it, a name stands for all below it too.
    """
    if entry == "*":
        return True
    name = entry.lower().rpartition("://")[2]
    name = name.partition(":")[0].removeprefix("*").strip(".")
    if not name:
        return False
    above = f".{host.name}".endswith(f".{name}")
    return above or (host.wildcard and name.endswith(f".{host.name}"))


def _read_source(names: tuple[str, ...], before: Mapping[str, str]) -> Source:
    name = next((name for name in names if before.get(name)), None)
    # OpenSSL reads SSL_CERT_DIR beside its default file, as Go and curl do, so the folder alone
    # was not all that was trusted. It stays set; but httpx looks at no folder where there is a
    # file, and curl at none where there is CURL_CA_BUNDLE: the file has to hold both.
    reads_folder = "SSL_CERT_FILE" in names and name in (None, "SSL_CERT_FILE")
    folders = before.get("SSL_CERT_DIR", "").split(os.pathsep) if reads_folder else ()
    return Source(name, before[name] if name else None, tuple(filter(None, folders)))
