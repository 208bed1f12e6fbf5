"""What the page's server is asked and what it says, whatever carried either."""

from __future__ import annotations

from typing import NamedTuple

from ..headers import Fields, by_name


class Asked(NamedTuple):
    """One request; `path` without the query, `query` without its question mark.

    `origin` is the page's own as its client reached it: `http://127.0.0.1:8000`, or
    `http://iflow.internal`.
    """

    method: str
    path: str
    query: str
    fields: Fields
    body: bytes
    origin: str

    @property
    def given(self) -> dict[str, str]:
        """The header fields by name in lower case."""
        return by_name(self.fields)

    def __repr__(self) -> str:
        return f"Asked({self.method} {self.path} at {self.origin})"  # the rest may hold secrets


class Said(NamedTuple):
    """One answer, with all of its header fields, the length among them."""

    status: int
    fields: Fields
    body: bytes

    def __repr__(self) -> str:
        return f"Said({self.status}, {len(self.body)} bytes)"  # the page itself holds the token
