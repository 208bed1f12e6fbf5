"""`iflow-relay run` in a terminal: keys go to the program, and to it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.unit.commands.running import Running, python, wait_until

if sys.platform == "win32":
    pytest.skip("terminals are Unix's", allow_module_level=True)

# Takes the terminal that is its stdin for its own, as the first process in one does.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

CTRL_C = "\x03"


class Terminal:
    """A terminal with `iflow-relay run` in it."""

    def __init__(self, run: Running, *words: str) -> None:
        self._screen, inside = os.openpty()
        os.set_blocking(self._screen, False)
        self._shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *run.command(*words)[1:]],
            env=run.environment({}),
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
        """All that it has shown so far."""
        with suppress(OSError):  # nothing new, or its other end is closed
            while data := os.read(self._screen, 65536):
                self._shown += data
        return self._shown.decode()

    def wait_for(self, text: str) -> None:
        """Return once it has shown the text."""
        wait_until(lambda: text in self.shown(), f"{text!r} in {self.shown()!r}")

    def wait(self) -> int:
        """The exit code."""
        wait_until(lambda: self.shown() is not None and self.process.poll() is not None, "the end")
        return self.process.wait()

    def close(self) -> None:
        """Take it away, with what runs in it."""
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals, taken away at the end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_the_program_has_the_terminal(run: Running, terminals: list[Terminal]) -> None:
    """It can ask and be answered."""
    terminal = Terminal(run, *python("import os; print(os.isatty(0), os.isatty(1), input('? '))"))
    terminals.append(terminal)
    terminal.wait_for("? ")
    terminal.type("yes\n")
    terminal.wait_for("True True yes")
    assert terminal.wait() == 0


def test_ctrl_c_reaches_the_program_once(run: Running, terminals: list[Terminal]) -> None:
    """And it may go on: the relay has not heard of it."""
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))\n"
        "print('ready', flush=True)\n"
        "input()\n"
        "raise SystemExit(7)"
    )
    terminal = Terminal(run, *python(code))
    terminals.append(terminal)
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    terminal.wait_for("interrupted")
    assert run.ending() is None
    terminal.type("\n")
    assert terminal.wait() == 7
    assert terminal.shown().count("interrupted") == 1
    assert run.ending() == "stdin"


def test_ctrl_c_ends_a_program_that_lets_it(run: Running, terminals: list[Terminal]) -> None:
    """With the code that a shell would give, and nothing said about it."""
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    terminal = Terminal(run, *python(code))
    terminals.append(terminal)
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    assert terminal.wait() == 130
    assert terminal.shown().splitlines() == ["ready", "^C"]
    assert run.ending() == "stdin"
    assert run.left_over() == []
