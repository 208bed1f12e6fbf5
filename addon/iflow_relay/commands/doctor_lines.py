"""How `iflow-relay doctor` shows what was found."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..doctor.parts import Line

MARKS = {"ok": "✓", "warning": "!", "failure": "✗", "skipped": "\N{EN DASH}"}
COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}
TO_DO = "→"
PLAIN = str.maketrans({"✓": "+", "✗": "x", "\N{EN DASH}": "-", "→": ">", "…": "..."})
"""For terminals that lack one of these letters."""


def show(lines: Iterable[Line]) -> Iterator[Line]:
    """Print each line as it comes, below the name of its part, and pass it on."""
    write = make_writer(sys.stdout.encoding or "ascii")
    last = said = ""
    for line in lines:
        part, verdict = line
        if part != last:
            write(f"\n{part}" if last else part)
            last, said = part, ""
        mark = click.style(MARKS[verdict.status], fg=COLOURS.get(verdict.status))
        write(f"  {mark} {verdict.name}: {verdict.found}")
        # Once where several in a row have the same remedy.
        if verdict.advice and verdict.advice != said:
            write(f"    {TO_DO} {verdict.advice}")
        said = verdict.advice
        yield line


def make_writer(encoding: str) -> Callable[[str], None]:
    """Prints a line in a terminal with this encoding, with plainer letters where it needs them."""
    colour = False if os.environ.get("NO_COLOR") else None

    def fit(text: str) -> str:
        if is_plain:
            text = text.translate(PLAIN)
        return text.encode(encoding, "replace").decode(encoding)

    try:
        "".join(map(chr, PLAIN)).encode(encoding)
        is_plain = False
    except UnicodeEncodeError:
        is_plain = True
    return lambda text: click.echo(fit(text), color=colour)


def render(line: Line) -> dict[str, Any]:
    """A line as JSON."""
    part, (name, status, found, advice) = line
    return {
        "part": part,
        "name": name,
        "status": str(status),
        "found": found,
        "advice": advice or None,
    }


def sum_up(lines: Sequence[Line]) -> str:
    """The last line: how many of what."""
    count = Counter(str(line.verdict.status) for line in lines)
    tested = f"{len(lines) - count['skipped']} tested"
    words = [
        f"{number} {word}{'s' if number > 1 else ''}"
        for word in ("failure", "warning")
        if (number := count[word])
    ]
    return f"{tested}: {', '.join(words) or 'all is well'}."
