"""The iFlow CLI's settings.json and its companions, read tolerantly and never written.

The CLI's own spelling of every value wins over the file: `IFLOW_apiKey`, `IFLOW_API_KEY`,
`iflow_apiKey`, `iflow_API_KEY`, in that order (source: the CLI's settings documentation).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

MAX_FILE = 1 << 20
"""Bytes of a credential file that are read: real ones have a few hundred."""


class Sourced(NamedTuple):
    """A value and, in words, where it came from."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Sourced(…, {self.origin!r})"  # the value may be a key


class Settings(BaseModel):
    """The fields of settings.json that matter here; the rest is the CLI's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_key: StrictStr | None = Field(None, alias="apiKey", repr=False)
    search_api_key: StrictStr | None = Field(None, alias="searchApiKey", repr=False)
    base_url: StrictStr | None = Field(None, alias="baseUrl")
    model_name: StrictStr | None = Field(None, alias="modelName")


_NOISE = re.compile(r'("(?:\\.|[^"\\])*+"?)|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+"?)|,(?=\s*[}\]])', re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def parse_json(data: bytes) -> Any:
    """JSON as people write it by hand: a BOM, comments and trailing commas are allowed.

    Raises ValueError where it is still no JSON.
    """
    text = data.decode("utf-8-sig")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        bare = _NOISE.sub(lambda m: m[1] or " ", text)
        return json.loads(_TRAILING_COMMA.sub(lambda m: m[1] or "", bare))


def parse_document(data: bytes) -> dict[str, Any]:
    """A JSON object out of a credential file; raises ValueError that says what it is instead."""
    if not data.strip():
        raise ValueError("it is empty")
    try:
        document = parse_json(data)
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}: {error.msg})") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError(f"it holds {_kind(document)} where an object {{…}} is expected")
    return document


def parse_settings(data: bytes, environ: Mapping[str, str]) -> Settings:
    """Read settings.json, with `$NAME` and `${NAME}` taken from the environment.

    Raises ValueError that names the field and says what it holds instead; never the value itself.
    """
    document = parse_document(data)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise ValueError(f"{field} is {_kind(document[field])}, not a text in quotes") from None
    values = settings.model_dump(by_alias=True, exclude_none=True)
    return Settings.model_validate(
        {name: expand(name, value, environ).strip() for name, value in values.items()}
    )


def expand(field: str, value: str, environ: Mapping[str, str]) -> str:
    """The value with its environment variables filled in; raises ValueError for one not set."""

    def look_up(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in environ:
            raise ValueError(f"{field} wants the environment variable {name}, which is not set")
        return environ[name]

    return _VARIABLE.sub(look_up, value)


def from_environment(camel: str, environ: Mapping[str, str]) -> Sourced | None:
    """The value the environment gives for `apiKey`, `baseUrl` or `modelName`, if any."""
    snake = re.sub(r"(?=[A-Z])", "_", camel).upper()
    for name in (f"IFLOW_{camel}", f"IFLOW_{snake}", f"iflow_{camel}", f"iflow_{snake}"):
        if value := environ.get(name, "").strip():
            return Sourced(value, f"environment {name}")
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "nothing (null)" if value is None else "a number")
