"""A request as it is compared with those that were recorded."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any, NamedTuple

from ..routing import Kind, Route
from .normal import canonical, normalise

_BOUNDARY = re.compile(r'multipart/[^;]+;.*?boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


class Body(NamedTuple):
    """What was sent: a normalised JSON document, or bytes."""

    is_json: bool
    value: Any


class Asked(NamedTuple):
    """What of a request counts: `path` is what follows `/v1`, `query` its parameters, sorted."""

    method: str
    path: str
    query: tuple[str, ...]
    body: Body

    @property
    def key(self) -> bytes:
        """The same for requests that are equal, and for no others."""
        is_json, value = self.body
        head = canonical([self.method, self.path, self.query, is_json])
        return sha256(head + (canonical(value) if is_json else value)).digest()

    @property
    def line(self) -> str:
        """Method and path, as people write them."""
        return f"{self.method} /v1{self.path}"


def read_asked(
    method: str, route: Route, media: str, content: bytes, *, model: str | None = None
) -> Asked:
    """A request of this route and Content-Type; `model` is the one that a recorded chat asked for.

    Its body names the one that ran.
    """
    path = route.path if route.model is None else f"{route.path}/{route.model}"
    query = tuple(sorted(part for part in route.query.split("&") if part))
    body = _read_body(media, content, route.kind is Kind.CHAT, model)
    return Asked(method, path, query, body)


def _read_body(media: str, content: bytes, is_chat: bool, model: str | None) -> Body:
    """A body as it is compared: JSON whatever it is called, else bytes."""
    try:
        document = json.loads(content)
        if is_chat and isinstance(document, dict):
            document["model"] = (document.get("model") if model is None else model) or ""
        return Body(True, normalise(document))
    except (ValueError, RecursionError):
        return Body(False, _without_boundary(media, content))


def _without_boundary(media: str, content: bytes) -> bytes:
    """A form with the same boundary as any other: clients make one up for each."""
    found = _BOUNDARY.match(media)
    if found is None:
        return content
    boundary = (found[1] or found[2]).encode("utf-8", "surrogateescape")
    return content.replace(b"--" + boundary, b"--boundary")
