"""Sets and removes top-level members of a JSON object, and leaves every other byte as it was.

Rules:
1. A member that is set keeps its place; a new one comes after the last, laid out as that one is. An
   empty object gets one member a line, two spaces in.
2. A member that is removed takes its comma with it, and its line where it had one to itself.
   Comments stay, but for those between its name and the end of its value.
3. Where a name occurs more than once the last one counts, as for readers: that one is set; all are
   removed.
4. A value that is there already is not touched, however it is spelt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from .jsontext import parse_text

GONE: Final = object()
"""As a value: the member is to be removed."""

_TOKEN: Final = re.compile(
    r'(//[^\n]*|/\*.*?\*/|[ \t\r\n]+)|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|[^\s{}\[\]:,"/]+',
    re.DOTALL,
)
_COMMENTS: Final = re.compile(r"(?:[ \t]*(?:/\*.*?\*/|//[^\n]*?(?=\r?\n)))*", re.DOTALL)
_LINE_END: Final = re.compile(r"[ \t]*\r?\n")
_HALVES: Final = re.compile("[\ud800-\udfff]")


class _Member(NamedTuple):
    """Where its name, its value and the text behind that begin, and the end of its comma."""

    name: str
    start: int
    value: int
    end: int
    comma: int | None


class _Object(NamedTuple):
    """A text, its object's inside from brace to brace, and the members there."""

    text: str
    inside: slice
    members: tuple[_Member, ...]


class _Layout(NamedTuple):
    """How members are laid out; an indent of None means all on one line."""

    newline: str
    indent: str | None
    gap: str


class _Edit(NamedTuple):
    """A span, and what comes in its place."""

    start: int
    end: int
    new: str = ""


def edit_object(text: str, members: Mapping[str, object]) -> str:
    """The text of a JSON object with these top-level members set, or removed where GONE.

    Raises ValueError for a text that is no object, and for a number that JSON does not have.
    """
    document = parse_text(text)
    if not isinstance(document, dict):
        raise ValueError("the text is no JSON object")
    given = {name: value for name, value in members.items() if value is not GONE}
    gone = members.keys() & document.keys() - given.keys()
    new = {name: value for name, value in given.items() if name not in document}
    changed = {
        name: value
        for name, value in given.items()
        if name in document and not _is_same(document[name], value)
    }
    text = _set(_scan(text), changed) if changed else text
    text = _append(_scan(text), new) if new else text
    return _remove(_scan(text), gone) if gone else text


def _is_same(one: object, other: object) -> bool:
    """Whether both are written alike: to Python 1, 1.0 and True are equal."""
    try:
        return json.dumps(one) == json.dumps(other)
    except RecursionError:
        return False


def _scan(text: str) -> _Object:
    """Read the outline of a text that is known to hold an object."""
    opening = next(match.end() for match in _TOKEN.finditer(text) if match[0] == "{")
    members = tuple(_read_members(text))
    behind = max((m.comma or m.end for m in members), default=opening)
    closing = next(m.start() for m in _TOKEN.finditer(text, behind) if m[0] == "}")
    return _Object(text, slice(opening, closing), members)


def _read_members(text: str) -> Iterator[_Member]:
    depth = end = 0
    name: re.Match[str] | None = None
    value: int | None = None
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if match[1]:
            continue
        if depth == 1 and mark in (",", "}"):
            if name and value is not None:
                comma = match.end() if mark == "," else None
                yield _Member(json.loads(name[0]), name.start(), value, end, comma)
            name = value = None
        elif depth == 1 and name is None:
            name = match
        elif depth and mark != ":":
            value, end = match.start() if value is None else value, match.end()
        depth += (mark in ("{", "[")) - (mark in ("}", "]"))


def _set(of: _Object, members: Mapping[str, object]) -> str:
    last = {member.name: member for member in of.members}
    return _apply(
        of.text,
        (
            _Edit(last[name].value, last[name].end, _render(value, _layout(of, last[name])))
            for name, value in members.items()
        ),
    )


def _append(of: _Object, members: Mapping[str, object]) -> str:
    last = of.members[-1] if of.members else None
    layout = _layout(of, last)
    rendered = [
        f"{_render(name, layout)}:{layout.gap}{_render(value, layout)}"
        for name, value in members.items()
    ]
    space = layout.gap if layout.indent is None else layout.newline + layout.indent
    added = space + f",{space}".join(rendered)
    if last is None:
        is_open = "\n" in of.text[of.inside]
        return _apply(of.text, [_Edit(*_at(of.inside.start), added + "\n" * (not is_open))])
    behind = last.comma or last.end
    if layout.indent is not None and (match := _COMMENTS.match(of.text, behind)):
        behind = match.end()
    if last.comma:
        return _apply(of.text, [_Edit(*_at(behind), f"{added},")])
    return _apply(of.text, [_Edit(*_at(last.end), ","), _Edit(*_at(behind), added)])


def _remove(of: _Object, names: Collection[str]) -> str:
    cuts = sorted(_cuts(of, names))
    merged: list[_Edit] = []
    for cut in cuts:
        if merged and not of.text[merged[-1].end : cut.start].strip(" \t"):
            cut = _Edit(merged.pop().start, cut.end)
        merged.append(cut)
    text = _apply(of.text, (_widen(of.text, cut) for cut in merged))
    rest = _scan(text).inside
    return text if text[rest].strip() else _apply(text, [_Edit(rest.start, rest.stop)])


def _cuts(of: _Object, names: Collection[str]) -> Iterator[_Edit]:
    """The spans of the members and of the commas that go with them."""
    kept = [member for member in of.members if member.name not in names]
    for member in of.members:
        comma = member.comma
        if member.name in names:
            is_one = comma and not of.text[member.end : comma - 1].strip()
            yield _Edit(member.start, comma if comma and is_one else member.end)
            if comma and not is_one:
                yield _Edit(comma - 1, comma)
        elif comma and member is kept[-1] and of.members[-1].comma is None:
            yield _Edit(comma - 1, comma)


def _widen(text: str, cut: _Edit) -> _Edit:
    """The cut together with its line, or with the blanks behind it, or before it."""
    line = text.rfind("\n", 0, cut.start) + 1
    rest = _LINE_END.match(text, cut.end)
    if line and rest and not text[line : cut.start].strip(" \t"):
        return _Edit(line, rest.end())
    if text[cut.start] != '"':
        return cut
    start, end = cut.start, cut.end
    while text[end] in " \t":
        end += 1
    while end == cut.end and text[start - 1] in " \t":
        start -= 1
    return _Edit(start, end)


def _layout(of: _Object, member: _Member | None) -> _Layout:
    """How this member is laid out, or would be in an object that has none."""
    newline = "\r\n" if "\r\n" in of.text else "\n"
    if member is None:
        return _Layout(newline, "  ", " ")
    gap = "" if of.text[member.value - 1] == ":" else " "
    line = of.text.rfind("\n", 0, member.start) + 1
    lead = of.text[line : member.start]
    return _Layout(newline, None if not line or lead.strip(" \t") else lead, gap)


def _render(value: object, layout: _Layout) -> str:
    """The value as JSON; an object or a list takes as many lines as it needs, where it may."""
    gap = layout.gap
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        indent=(layout.indent or "  ") if layout.indent is not None else None,
        separators=("," + gap * (layout.indent is None), ":" + gap),
    )
    text = text.replace("\n", f"{layout.newline}{layout.indent}")
    # There is no UTF-8 for half a surrogate pair: it stays an escape.
    return _HALVES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _apply(text: str, edits: Iterable[_Edit]) -> str:
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[done : edit.start], edit.new]
        done = edit.end
    return "".join(pieces) + text[done:]


def _at(position: int) -> tuple[int, int]:
    return position, position
