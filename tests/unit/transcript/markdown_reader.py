"""Reads an exported conversation back from its Markdown, by the rules that the export states."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from iflow_relay.transcript.marks import unescape

HEAD = re.compile(r"(#{1,4}) (?:Conversation )?(\d+) · (.*)")
CALL = re.compile(r"tool call (`+.*?`+), id (`+.*`+)")


FENCED = ("tool call", "result of")


class Section(NamedTuple):
    """What stands below one heading: its depth, its turn, its words, the lines up to the next."""

    depth: int
    turn: int
    words: str
    lines: list[str]

    def text(self) -> str:
        """The text of the section, as it was before the export."""
        if self.words.endswith("as it came"):
            return self.blocks()[0]
        # One blank line before it, one after it.
        body = "\n".join(self.lines[1:-1])
        if self.words == "reasoning":
            body = "\n".join(line[2:] for line in body.split("\n"))
        return unescape(body)

    def blocks(self) -> list[str]:
        """What stands in its fences."""
        return [text for _, text in read_fences(iter(self.lines))]


class Turn(NamedTuple):
    """One turn: who, what was said in its order, and the calls as (id, name, arguments)."""

    role: str
    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    refusal: tuple[str, ...] = ()
    calls: tuple[tuple[str, str, str], ...] = ()
    results: tuple[tuple[str, ...], ...] = ()


def read_fences(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The opening line and the text of each block of code; other lines are passed over."""
    for line in lines:
        if marks := re.match("`{3,}", line):
            text = []
            while (line_within := next(lines)) != marks[0]:
                text.append(line_within)
            yield line, "\n".join(text)


def read_code(span: str) -> str:
    """The text of a code span, or the text that stands there as JSON."""
    marks = re.match("`+", span)
    assert marks
    assert span.endswith(marks[0])
    shown = span[marks.end() : -marks.end()]
    if shown[0] == " " == shown[-1]:
        shown = shown[1:-1]
    return str(json.loads(shown)) if shown[0] == '"' else shown


def read_sections(document: str) -> list[Section]:
    """The sections; a heading within a fence of the export is none."""
    sections: list[Section] = []
    fence = ""
    fenced = False
    for line in document.split("\n"):
        head = None if fence else HEAD.fullmatch(line)
        if head:
            depth, words = len(head[1]), head[3]
            fenced = depth == 4 or words.endswith("as it came") or words.startswith(FENCED)
            sections.append(Section(depth, int(head[2]), words, []))
            continue
        if fence and line == fence:
            fence = ""
        elif fenced and not fence and (marks := re.match("`{3,}", line)):
            fence = marks[0]
        sections[-1].lines.append(line)
    return sections


def read_conversations(document: str) -> list[list[Turn]]:
    """The turns of each conversation, with the answers', without what their ends say."""
    conversations: list[list[Turn]] = []
    for section in read_sections(document):
        if section.depth == 1:
            conversations.append([])
        elif section.depth == 2:
            said = (section.text(),) if len(section.lines) > 1 else ()
            conversations[-1].append(Turn(section.words, said))
        else:
            conversations[-1][-1] = _with(conversations[-1][-1], section)
    return [[turn for turn in turns if turn.role != "end"] for turns in conversations]


def _with(turn: Turn, section: Section) -> Turn:
    words = section.words
    if section.depth == 4:
        result = (*turn.results[-1], *section.blocks())
        return turn._replace(results=(*turn.results[:-1], result))
    if found := CALL.fullmatch(words):
        name, id = (read_code(span) for span in found.groups())
        return turn._replace(calls=(*turn.calls, (id, name, section.blocks()[0])))
    if words.startswith("result of"):
        return turn._replace(results=(*turn.results, tuple(section.blocks())))
    kind = words.split(" ")[0]
    if kind not in turn._fields:
        return turn
    told: dict[str, Any] = {kind: (*getattr(turn, kind), section.text())}
    return turn._replace(**told)
