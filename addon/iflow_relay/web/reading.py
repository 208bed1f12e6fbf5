"""Typed members of a posted document; a wrong one is named, and never quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequest


def read_text(document: Mapping[str, Any], name: str) -> str | None:
    """A text; None where it is missing, null or blank. Raises InvalidRequest."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{name} has to be a text.", param=name)
    return value if value and value.strip() else None


def read_flag(document: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """True or false; the default where it is missing. Raises InvalidRequest."""
    value = document.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} has to be true or false.", param=name)
    return value
