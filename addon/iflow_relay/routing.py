"""Where a request goes: (method, path) becomes a Route, or an error that says why not."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote

from .errors import InvalidPath, NotFound


class Kind(Enum):
    """What answers a request."""

    CHAT = "chat"
    MODELS = "models"
    HEALTH = "health"
    PAC = "pac"
    PAGE = "page"
    METRICS = "metrics"
    FORWARD = "forward"


class Route(NamedTuple):
    """The decision about one request.

    `path` is what follows the base URL (`/chat/completions`), `query` what follows `?`, `model` the
    one that `/models/{id}` names.
    """

    kind: Kind
    path: str
    query: str = ""
    model: str | None = None


NOT_YET = ("/messages", "/responses", "/completions")
"""Dialects that are not spoken here, so that they must not reach the upstream by pass-through."""

KEYS = ("key", "api_key", "api-key", "apikey", "access_token")
"""Query parameters that hold a key: an app's own must not reach the upstream."""

_HIDDEN = re.compile(r"%(?:2e|2f|5c|00|25)", re.IGNORECASE)
"""Escapes that hide a dot, a slash, a backslash, a NUL or another escape from whoever looks."""

_ESCAPED_MODEL = re.compile(r"(?:/v1)?/models/(?:[^%]|%2f|%3a|%40)+", re.IGNORECASE)
"""Model names have slashes that clients escape; such a path is joined to nothing."""


PAGE_FOLDER = "/ui/"
PAGE_PATHS = ("/", "/oauth2callback")
"""Where the relay's own page is, and where a login comes back to it."""


METRICS_PATH = "/metrics"

ABOUT_RELAY = frozenset({Kind.PAGE, Kind.METRICS})
"""Routes by which somebody looks at the relay itself: what comes by them is no call."""


def is_about_relay(target: str) -> bool:
    """Whether a target is for who looks at the relay itself."""
    return is_page(target) or _is_metrics(target.partition("?")[0])


def is_page(target: str) -> bool:
    """Whether a target belongs to the relay's own page."""
    path = target.partition("?")[0]
    return path in PAGE_PATHS or path.startswith(PAGE_FOLDER)


def _is_metrics(path: str) -> bool:
    return path.rstrip("/") == METRICS_PATH


def route(method: str, target: str) -> Route:
    """The route of an origin-form target (`/v1/models?x=1`); raises InvalidPath or NotFound."""
    path, _, query = target.partition("?")
    if is_page(target):
        return Route(Kind.PAGE, _check_path(path, model_read=False), query)
    read = method in ("GET", "HEAD")
    versioned, path = _strip_version(_check_path(path, model_read=read))
    if path == "/chat/completions" and method == "POST":
        return Route(Kind.CHAT, path, query)
    if path == "/models" and read:
        return Route(Kind.MODELS, path, query)
    if path.startswith("/models/") and read:
        return Route(Kind.MODELS, "/models", query, unquote(path.removeprefix("/models/")))
    if path == "/health" and read:
        return Route(Kind.HEALTH, path)
    if path == "/proxy.pac" and read:
        return Route(Kind.PAC, path)
    if path == METRICS_PATH and read and not versioned:
        return Route(Kind.METRICS, path)
    # An escaped letter is the same letter to the upstream (RFC 3986, section 6.2.2.2).
    dialect = next((d for d in NOT_YET if (unquote(path) + "/").startswith(d + "/")), None)
    if versioned and path not in ("", "/") and dialect is None:
        return Route(Kind.FORWARD, path, query)
    raise NotFound(_explain(method, path, dialect))


def without_keys(target: str) -> str:
    """The target without the query parameters in which some clients send their key."""
    path, mark, query = target.partition("?")
    kept = "&".join(p for p in query.split("&") if p.partition("=")[0].lower() not in KEYS)
    return path + (mark + kept if kept else "")


def _check_path(path: str, *, model_read: bool) -> str:
    """The path, if nothing in it can climb out of the base URL it will be joined to."""
    if not path.startswith("/"):
        raise InvalidPath("The path does not begin with a slash.")
    if "//" in path:
        raise InvalidPath("The path has a doubled slash: check the base URL in the client.")
    # Java servers, iFlow's Spring among them, take `..;x` for `..`.
    dots = any(segment.partition(";")[0] in (".", "..") for segment in path.split("/"))
    if "\\" in path or dots:
        raise InvalidPath("The path has dot segments or a backslash.")
    hides = _HIDDEN.search(path)
    if hides and not (model_read and _ESCAPED_MODEL.fullmatch(path)):
        raise InvalidPath(f"The path hides a character ({hides[0]}).")
    return path


def _strip_version(path: str) -> tuple[bool, str]:
    """Whether the path began with `/v1`, and what follows, with no slash at its end."""
    versioned = path == "/v1" or path.startswith("/v1/")
    path = path.removeprefix("/v1") if versioned else path
    return versioned, path.rstrip("/") or "/"


def _explain(method: str, path: str, dialect: str | None) -> str:
    if dialect:
        return f"{method} {dialect} is not spoken here: use POST /v1/chat/completions."
    return f"There is no {method} {path} here. The API begins at /v1, for example GET /v1/models."


class HostPattern(NamedTuple):
    """A virtual host: `api.example.com`, or every name below one where `wildcard`."""

    name: str
    wildcard: bool

    def __str__(self) -> str:
        return f"*.{self.name}" if self.wildcard else self.name

    def matches(self, host: str) -> bool:
        """Whether a host name (lower case, no port) is meant."""
        return host.endswith("." + self.name) if self.wildcard else host == self.name


_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


def parse_host_pattern(text: str) -> HostPattern:
    """Read `api.example.com` or `*.example.com`; raises ValueError for anything else."""
    name = text.strip().lower().rstrip(".")
    wildcard = name.startswith("*.")
    name = name.removeprefix("*.")
    accepted = "write a host name like api.example.com, or *.example.com for all below it"
    if "://" in name or "/" in name:
        raise ValueError(f"{text!r} is an address, not a host name: {accepted}")
    if ":" in name:
        raise ValueError(f"{text!r} has a port or is an IP address: {accepted}")
    if "*" in name:
        raise ValueError(f"{text!r} has a * that is not at its beginning: {accepted}")
    if not _NAME.fullmatch(name) or name.replace(".", "").isdigit():
        raise ValueError(f"{text!r} is no host name: {accepted}")
    return HostPattern(name, wildcard)
