"""JSON as text: written as valid UTF-8 whatever it holds, read as people write it by hand."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
# An open comment takes the rest, so that many of them are not searched for an end again and again.
_NOISE = re.compile(rf"({_STRING}|/\*(?![\s\S]*?\*/)[\s\S]*)|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)


def to_json(value: Any) -> bytes:
    """Compact enough to read, and always valid UTF-8: half a surrogate pair stays an escape."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def parse_json(data: bytes) -> Any:
    """JSON as people write it by hand: a BOM, comments and trailing commas are allowed.

    Raises ValueError where it is still no JSON.
    """
    return parse_text(data.decode())


def parse_text(text: str) -> Any:
    """The same of a text."""
    text = text.removeprefix("\ufeff")
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
    except ValueError as error:
        raise ValueError("it holds a number of too many digits") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError(f"it holds {name_kind(document)} where an object {{…}} is expected")
    return document


def name_kind(value: Any) -> str:
    """What kind of JSON value it is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "nothing (null)" if value is None else "a number")


def mend(text: str) -> str:
    """The text with its halves of surrogate pairs joined, or replaced: every text can be written.

    Deltas may cut a letter in two where an upstream counts in UTF-16.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
