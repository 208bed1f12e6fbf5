"""Long lines of prose broken where they may be: mitmweb shows lines as long as they are.

A break that was put in stands behind a zero-width space, so that what was said can be told from
it. Code, tables and long words stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

WRAP = 76
"""Columns: what half a window of 1,280 pixels shows."""

SOFT_BREAK = "\u200b\n"

MAX_WRAPPED = 1 << 18
"""Letters of a text that is wrapped; longer ones would hold up whoever looks."""

_WIDE: Final = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60"
_WIDES: Final = re.compile(f"[{_WIDE}\U0001f300-\U0003fffd]")
_CLOSING: Final = "、。，．：；！？）」』】》"  # noqa: RUF001 - these letters are meant
_PLACE: Final = re.compile(f"(?: +|(?<=[{_WIDE}]))(?![ {_CLOSING}])(?=.)")
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_AS_IT_IS: Final = ("    ", "\t", "|")


def wrap(text: str) -> str:
    """The text with breaks in its long lines."""
    if len(text) > MAX_WRAPPED:
        return text
    lines, in_code = text.split("\n"), False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            in_code = not in_code
        elif len(line) > WRAP // 2 and not in_code and not line.startswith(_AS_IT_IS):
            lines[number] = _wrap_line(line)
    return "\n".join(lines)


def unwrap(text: str) -> str:
    """What the text was before it was wrapped."""
    return text.replace(SOFT_BREAK, "")


def _wrap_line(line: str) -> str:
    """One line; where letters are two columns wide, fewer go into each."""
    columns = len(line) + len(_WIDES.findall(line))
    if columns <= WRAP:
        return line
    letters = max(WRAP // 2, WRAP * len(line) // columns)
    near = re.compile(f".{{1,{letters}}}{_PLACE.pattern}")
    pieces, start = [], 0
    while len(line) - start > letters:
        # A word that is longer than a line ends where it ends.
        place = near.match(line, start) or _PLACE.search(line, start + letters)
        if place is None:
            break
        pieces.append(line[start : place.end()])
        start = place.end()
    return SOFT_BREAK.join([*pieces, line[start:]])
