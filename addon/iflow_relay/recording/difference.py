"""In what two requests differ: where, and what stood there, short enough for one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .asked import Asked, Body
from .normal import DATE, is_mark

LONGEST = 60
"""Letters of a value that are shown."""

BEFORE = 20
"""Letters that are shown of what two long texts have in common before they differ."""

NOTHING = object()
"""Stands where the other request has something."""

_PLAIN = re.compile(r"[A-Za-z_]\w*")
_SECRET_NAME = re.compile(r"key|token|secret|password|authorization", re.IGNORECASE)
_SECRET = re.compile(r"(sk-|Bearer\s+)[\w.-]{8,}", re.IGNORECASE)


class Difference(NamedTuple):
    """One place, as a JSON path, and the two values there."""

    place: str
    recorded: Any
    asked: Any

    def __str__(self) -> str:
        """Place and both values, long texts from shortly before where they part; no keys."""
        old, new = _without_secrets(self.recorded), _without_secrets(self.asked)
        hidden = _SECRET_NAME.search(self.place) and (_is_text(old) or _is_text(new))
        if hidden or (type(old) is type(new) and old == new):
            return f"{self.place}: two values that are not shown"
        begin = _begin(old, new) if _is_text(old) and _is_text(new) else 0
        return f"{self.place}: recorded {_show(old, begin)}, asked {_show(new, begin)}"


def differences(recorded: Asked, asked: Asked) -> Iterator[Difference]:
    """In what a request differs from a recorded one, the most important first."""
    for name in ("method", "path"):
        yield from _values(name, getattr(recorded, name), getattr(asked, name))
    yield from _values("query", "&".join(recorded.query), "&".join(asked.query))
    yield from _bodies(recorded.body, asked.body)


def _bodies(recorded: Body, asked: Body) -> Iterator[Difference]:
    if recorded.is_json and asked.is_json:
        yield from _documents("", recorded.value, asked.value)
    elif recorded != asked:
        yield Difference("body", _described(recorded), _described(asked))


def _described(body: Body) -> str:
    if body.is_json:
        return "JSON"
    return body.value.decode("utf-8", "backslashreplace") or "nothing"


def _documents(place: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            member = _join(place, name)
            yield from _documents(member, old.get(name, NOTHING), new.get(name, NOTHING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else NOTHING
            right = new[index] if index < len(new) else NOTHING
            yield from _documents(f"{place}[{index}]", left, right)
    else:
        yield from _values(place or "body", old, new)


def _values(place: str, old: Any, new: Any) -> Iterator[Difference]:
    # 1 is True to Python, and not to JSON.
    if type(old) is not type(new) or old != new:
        yield Difference(place, old, new)


def _join(place: str, name: str) -> str:
    if not _PLAIN.fullmatch(name):
        return f"{place}[{json.dumps(name, ensure_ascii=False)}]"
    return f"{place}.{name}" if place else name


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_mark(value)


def _without_secrets(value: Any) -> Any:
    """The value without what looks like a key in it, or is named like one."""
    if isinstance(value, dict):
        return {
            name: "…" if _SECRET_NAME.search(name) and _is_text(inner) else _without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return _SECRET.sub(r"\1…", value) if _is_text(value) else value


def _begin(old: str, new: str) -> int:
    """Where to begin to show two texts, so that it is seen where they part."""
    if max(len(old), len(new)) <= LONGEST:
        return 0
    pairs = enumerate(zip(old, new, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(old), len(new)))
    return max(0, same - BEFORE)


def _show(value: Any, begin: int) -> str:
    """A value as JSON, shortened; what is no value of JSON's, in words."""
    if value is NOTHING:
        return "nothing"
    if is_mark(value):
        return _named(value)
    if isinstance(value, str):
        return ("…" if begin else "") + _cut(json.dumps(value[begin:], ensure_ascii=False))
    return _cut(json.dumps(_readable(value), ensure_ascii=False))


def _readable(value: Any) -> Any:
    """A normalised document with words in the place of marks."""
    if isinstance(value, dict):
        return {name: _readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return _named(value) if is_mark(value) else value


def _named(mark: str) -> str:
    return "a date" if mark == DATE else f"id {mark[1:]}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
