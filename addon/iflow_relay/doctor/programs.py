"""The programs that apps run on: how each fetches an address, and when it takes a proxy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from .shell import SET

Environ = Mapping[str, str]

ABSENT: Final = 77
"""The status with which a command says that its library is not installed."""


class Gap(NamedTuple):
    """Why a program goes past a proxy, and what to do."""

    why: str
    advice: str


class Program(NamedTuple):
    """One of them; the address to fetch is added to its command."""

    name: str
    names: tuple[str, ...]
    """What its file may be called; the first that is on PATH counts."""
    arguments: tuple[str, ...]
    by_system: bool
    """Whether it trusts what the system's store has."""
    find_gap: Callable[[str, Environ], Gap | None] = lambda version, environ: None
    """What keeps its version, in this environment, from a proxy that is set."""


# The folder at hand is no place for a library; -P, which says so, is newer than some Pythons.
_PYTHON: Final = """\
import sys
sys.path[:] = [folder for folder in sys.path if folder]
try:
    import LIBRARY
except ImportError:
    sys.exit(77)
FETCH
"""

_NODE: Final = """\
console.log(process.versions.node);
require("https").get(process.argv[1], answer => answer.resume())
    .on("error", error => { console.error(error.code || error.message); process.exit(1); });
"""


def _python(name: str, library: str, fetch: str) -> Program:
    code = _PYTHON.replace("LIBRARY", library).replace("FETCH", fetch)
    return Program(name, ("python3", "python"), ("-c", code), by_system=library == "urllib.request")


def find_gap_of_node(version: str, environ: Environ) -> Gap | None:
    """Node takes a proxy from the environment since 22.21 and 24.5, and where it is told to."""
    if not reads_proxy(version):
        why = f"Node {version} takes no proxy by itself"
        return Gap(why, "take 22.21, 24.5 or newer; or give the app the relay's base URL")
    if environ.get("NODE_USE_ENV_PROXY") != "1":
        return Gap("it takes no proxy, as NODE_USE_ENV_PROXY=1 is not set", SET)
    return None


def reads_proxy(version: str) -> bool:
    """Whether a version of Node knows NODE_USE_ENV_PROXY.

    >>> [reads_proxy(v) for v in ("22.20.0", "22.21.0", "23.11.0", "24.4.1", "24.5.0", "25.0.0")]
    [False, True, False, False, True, True]
    """
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if not numbers:
        return False
    found = (int(numbers[1]), int(numbers[2]))
    return found >= (24, 5) or (22, 21) <= found < (23, 0)


PROGRAMS: Final[Sequence[Program]] = (
    Program(
        "curl",
        ("curl",),
        ("--silent", "--show-error", "--max-time", "10", "--output", os.devnull),
        by_system=True,
    ),
    Program("git", ("git",), ("-c", "http.proxy=", "ls-remote"), by_system=True),
    _python(
        "Python urllib",
        "urllib.request",
        "urllib.request.urlopen(sys.argv[1], timeout=10).read()",
    ),
    _python("Python requests", "requests", "requests.get(sys.argv[1], timeout=10)"),
    _python("Python httpx", "httpx", "httpx.get(sys.argv[1], timeout=10)"),
    Program("Node", ("node",), ("-e", _NODE), by_system=False, find_gap=find_gap_of_node),
)
