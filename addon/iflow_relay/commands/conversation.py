"""How a command speaks with a person: what it says, what it asks, and when it may not ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

import click

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it (128 and the signal's number)."""


class Conversation(NamedTuple):
    """One with whoever started the command; `aside` keeps stdout free for JSON."""

    aside: bool
    yes: bool
    terminal: bool

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask, who wants to be."""
        return self.terminal and not self.yes

    def say(self, text: str) -> None:
        """Tell something."""
        click.echo(text, err=self.aside)

    def warn(self, text: str) -> None:
        """Tell something that wants to be seen."""
        click.echo(text, err=True)

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Whether to go on; nobody to ask is a no, `--yes` a yes."""
        if not self.asks:
            return self.yes
        return click.confirm(question, default=default, err=self.aside)

    def ask(self, question: str) -> str:
        """One line, perhaps empty."""
        text: str = click.prompt(
            question, default="", show_default=False, prompt_suffix=" ", err=self.aside
        )
        return text.strip()

    def ask_secret(self, question: str) -> str:
        """One line that is not shown while it is typed."""
        text: str = click.prompt(
            question,
            default="",
            show_default=False,
            prompt_suffix=" ",
            hide_input=True,
            err=self.aside,
        )
        return text


def converse(*, aside: bool, yes: bool) -> Conversation:
    """A conversation on the terminal, if there is one."""
    return Conversation(aside, yes, sys.stdin is not None and sys.stdin.isatty())


@contextmanager
def until_written() -> Iterator[None]:
    """Says that nothing was written where the reader breaks off within the block."""
    try:
        yield
    except KeyboardInterrupt:
        _break_off(INTERRUPTED)
    except click.Abort as abort:
        # click tells Ctrl-C and the end of the input apart in this way alone.
        interrupted = isinstance(abort.__context__, KeyboardInterrupt)
        _break_off(INTERRUPTED if interrupted else 1)


def _break_off(status: int) -> NoReturn:
    click.echo("\nNothing was written.", err=True)
    sys.exit(status)
