"""The iFlow CLI's settings.json and its companions, read tolerantly.

The CLI's own spelling of every value wins over the file: `IFLOW_apiKey`, `IFLOW_API_KEY`,
`iflow_apiKey`, `iflow_API_KEY`, in that order (source: the CLI's settings documentation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .files import MAX_FILE as MAX_FILE
from .jsontext import name_kind
from .jsontext import parse_document as parse_document
from .jsontext import parse_json as parse_json


class Sourced(NamedTuple):
    """A value and, in words, where it came from."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Sourced(…, {self.origin!r})"  # the value may be a key


@dataclass(frozen=True, slots=True)
class Settings:
    """The members of settings.json that matter here; the rest is the CLI's."""

    api_key: str | None = field(default=None, repr=False)
    search_api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    model_name: str | None = None


MEMBERS = ("apiKey", "searchApiKey", "baseUrl", "modelName")
"""What they are called in the file, in the order of `Settings`."""

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def parse_settings(data: bytes, environ: Mapping[str, str]) -> Settings:
    """Read settings.json, with `$NAME` and `${NAME}` taken from the environment.

    Raises ValueError that names the field and says what it holds instead; never the value itself.
    """
    document = parse_document(data)
    return Settings(*(_read_text(document, name, environ) for name in MEMBERS))


def _read_text(document: Mapping[str, object], name: str, environ: Mapping[str, str]) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is {name_kind(value)}, not a text in quotes")
    return expand(name, value, environ).strip()


def expand(field: str, value: str, environ: Mapping[str, str]) -> str:
    """The value with its environment variables filled in; raises ValueError for one not set."""

    def look_up(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in environ:
            raise ValueError(f"{field} wants the environment variable {name}, which is not set")
        return environ[name]

    return VARIABLE.sub(look_up, value)


def from_environment(camel: str, environ: Mapping[str, str]) -> Sourced | None:
    """The value the environment gives for `apiKey`, `baseUrl` or `modelName`, if any."""
    snake = re.sub(r"(?=[A-Z])", "_", camel).upper()
    for name in (f"IFLOW_{camel}", f"IFLOW_{snake}", f"iflow_{camel}", f"iflow_{snake}"):
        if value := environ.get(name, "").strip():
            return Sourced(value, f"environment {name}")
    return None
