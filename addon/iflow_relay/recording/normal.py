"""A request's body as it is compared: what changes from run to run is taken out of it.

- Order of keys: none.
- Id: a text or whole number named `id` or `…_id`; a UUID, or `call_…`, `chatcmpl-…`, `msg_…` and
  the like, as the whole of any text. It becomes its number.
- Date: an ISO date or a Unix time named `created`, `date`, `time`, `timestamp`, `…_at`, `…_date`,
  `…_time`, `…_timestamp`; an ISO date with a time of day as the whole of any text. It becomes a
  mark.

Ids are numbered as they first appear, so that it still counts which of them are the same: the
result of a tool belongs to its call. All else counts, also within longer texts.
"""

from __future__ import annotations

import json
import re
from typing import Any

MARK = "\0"
"""Begins what stands for an id or a date; a text that itself begins so gets one more."""

DATE = MARK + "date"
"""Stands for every date; an id is a mark and its number."""

_ID = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?:call|chatcmpl|msg|req|resp|toolu)[-_](?=[a-z]*\d)[a-z0-9]{8,}",
    re.IGNORECASE | re.ASCII,
)
_DAY = r"\d{4}-\d\d-\d\d"
_MOMENT = re.compile(
    _DAY + r"[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
_DATE = re.compile(_DAY, re.ASCII)
_DATED = re.compile(r"(?:created|(?:.*_)?(?:date|time|timestamp)|.*_at)")

_UNIX = ((10**9, 10**10), (10**12, 10**13))
"""Unix times since 2001 in seconds and in milliseconds."""


class _Normaliser:
    """One body's ids, numbered as they appear."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def value(self, value: Any, name: str = "") -> Any:
        """The value as it is compared; `name` is that of the member which holds it."""
        if isinstance(value, dict):
            return {self._text(key): self.value(value[key], key) for key in sorted(value)}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if _is_id(value, name):
            return f"{MARK}{self._ids.setdefault(str(value), len(self._ids) + 1)}"
        if _is_date(value, name):
            return DATE
        return self._text(value) if isinstance(value, str) else value

    @staticmethod
    def _text(text: str) -> str:
        return MARK + text if text.startswith(MARK) else text


def normalise(document: Any) -> Any:
    """A JSON document as it is compared; raises RecursionError where it is nested too deeply."""
    return _Normaliser().value(document)


def canonical(normalised: Any) -> bytes:
    """The one text of a normalised document."""
    return json.dumps(normalised, sort_keys=True, separators=(",", ":")).encode()


def is_mark(value: Any) -> bool:
    """Whether a normalised value stands for an id or a date."""
    return isinstance(value, str) and value.startswith(MARK) and not value.startswith(2 * MARK)


def _is_id(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return name == "id" or name.endswith("_id") or bool(_ID.fullmatch(value))
    return type(value) is int and (name == "id" or name.endswith("_id"))


def _is_date(value: Any, name: str) -> bool:
    named = bool(_DATED.fullmatch(name))
    if isinstance(value, str):
        return bool(_MOMENT.fullmatch(value) or (named and _DATE.fullmatch(value)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return named and any(low <= value < high for low, high in _UNIX)
