"""Texts inside Markdown that is not theirs: none takes in, or passes for, what stands around it.

Headings of the document hold a middle dot. A heading in a text that holds one, too, gets a
backslash before its words, or before the line below them; `unescape` takes that away again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

_DOT: Final = re.compile(r"·|&(?:middot|centerdot|CenterDot|#0*183|#[xX]0*[bB]7);")
_TITLE: Final = re.compile(r" {0,3}#{1,6}[ \t]+")
_UNDERLINE: Final = re.compile(r"( {0,3})(\\*)(?:-+|=+)[ \t]*")
_LINES: Final = re.compile(r"(\r\n|\n|\r)")
_FENCE: Final = re.compile(r"(`{3,}(?!.*`)|~{3,})(.*)")
_OPENS: Final = re.compile(r"<(?:!|\?|(?:script|pre|style|textarea)\b)", re.IGNORECASE)


def escape(text: str) -> str:
    """The text, none of whose headings looks like one of the document's."""
    return _at_titles(text, lambda line, place: f"{line[:place]}\\{line[place:]}")


def unescape(text: str) -> str:
    """What the text was before it was escaped."""
    return _at_titles(text, lambda line, place: line[:place] + line[place:].removeprefix("\\"))


def _at_titles(text: str, change: Callable[[str, int], str]) -> str:
    """The text with a change at the words of each dotted heading, or at the line below them."""
    if not _DOT.search(text):
        return text
    pieces, dotted = _LINES.split(text), False
    for number in range(0, len(pieces), 2):
        line = pieces[number]
        has_dot = _DOT.search(line) is not None
        # A heading may be a paragraph of several lines, up to one that is blank.
        dotted = has_dot or (dotted and bool(line.strip(" \t")))
        if has_dot and (title := _TITLE.match(line)):
            pieces[number] = change(line, title.end())
        elif dotted and (underline := _UNDERLINE.fullmatch(line)):
            pieces[number] = change(line, underline.end(1))
    return "".join(pieces)


def fence(text: str, kind: str = "") -> str:
    """The text as a block of code, whose fence is longer than any run of backticks in it."""
    marks = "`" * max(3, _longest(text) + 1)
    return f"{marks}{kind}\n{text}\n{marks}"


def code(text: str) -> str:
    """The text as code within a line; what a line cannot show as it is stands there as JSON."""
    plain = text.isprintable() and text.strip() == text and text and text[0] != '"'
    shown = text if plain else json.dumps(text)
    marks = "`" * (_longest(shown) + 1)
    blank = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{marks}{blank}{shown}{blank}{marks}"


def quote(text: str) -> str:
    """The text as a quotation."""
    return "\n".join(f"> {line}" for line in escape(text).split("\n"))


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def stands_alone(text: str) -> bool:
    """Whether nothing in a text stays open that would take in what follows it.

    Where that is hard to say, for code in lists and in HTML, the answer is no.
    """
    opened: tuple[int, str] | None = None
    in_html = False
    for line in _LINES.split(text)[::2]:
        words = line.lstrip(" \t")
        indent = len(line[: len(line) - len(words)].expandtabs(4))
        mark = _FENCE.match(words)
        if opened and words and indent < opened[0]:
            return False
        if opened:
            opened = None if mark and _closes(mark, indent, *opened) else opened
        elif _OPENS.match(words) or (mark and in_html):
            return False
        else:
            in_html = bool(words) and (in_html or words[0] == "<")
            opened = (indent, mark[1]) if mark else None
    return opened is None


def _closes(mark: re.Match[str], indent: int, begun: int, marks: str) -> bool:
    near = indent == begun if begun else indent < 4
    return near and mark[1].startswith(marks) and not mark[2].strip(" \t")
