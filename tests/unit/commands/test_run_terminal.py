"""`iflow-relay run` in a terminal: keys go to the program, and to it alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.e2e.terminal import CTRL_C, Terminal
from tests.unit.commands.running import Running, python

if sys.platform == "win32":
    pytest.skip("terminals are Unix's", allow_module_level=True)


def open_terminal(run: Running, *words: str) -> Terminal:
    """A terminal with `iflow-relay run` in it."""
    return Terminal(run.command(*words), run.environment({}))


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals, taken away at the end."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_the_program_has_the_terminal(run: Running, terminals: list[Terminal]) -> None:
    """It can ask and be answered."""
    terminal = open_terminal(
        run, *python("import os; print(os.isatty(0), os.isatty(1), input('? '))")
    )
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
    terminal = open_terminal(run, *python(code))
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
    terminal = open_terminal(run, *python(code))
    terminals.append(terminal)
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    assert terminal.wait() == 130
    assert terminal.shown().splitlines() == ["ready", "^C"]
    assert run.ending() == "stdin"
    assert run.left_over() == []
