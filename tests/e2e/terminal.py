"""A command in a terminal of its own: what is typed there, and all that it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from tests.e2e.programs import wait_until

# Takes the terminal that is its stdin for its own, as the first process in one does.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

CTRL_C = "\x03"
CTRL_D = "\x04"


class Terminal:
    """A terminal in which one command runs."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._screen, inside = os.openpty()
        os.set_blocking(self._screen, False)
        self._shown = b""
        self._seen = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command[1:]],
            env=dict(environment),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._screen, text.encode())

    def shown(self) -> str:
        """All that it has shown so far, with the terminal's own line ends made plain."""
        with suppress(OSError):  # nothing new, or its other end is closed
            while data := os.read(self._screen, 65536):
                self._shown += data
        return self._shown.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Return once it shows the text after all that was waited for before."""
        wait_until(lambda: text in self.shown()[self._seen :], f"{text} in {self.shown()}")
        self._seen = self.shown().index(text, self._seen) + len(text)

    def answer(self, question: str, text: str) -> None:
        """Wait until it asks, after all that was answered before, and type a line."""
        self.wait_for(question)
        self.type(text)

    def wait(self) -> int:
        """The exit status, once it has ended by itself."""
        wait_until(lambda: self.shown() is not None and self.process.poll() is not None, "the end")
        return self.process.wait()

    def close(self) -> None:
        """Take it away, with what runs in it."""
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@contextmanager
def terminal(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Terminal]:
    """One for as long as the block."""
    opened = Terminal(command, environment)
    try:
        yield opened
    finally:
        opened.close()
