"""A command that is run as if it had been started directly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iflow_relay.child import FORWARDED, NotStarted, Signals, find_program

posix = pytest.mark.skipif(os.name != "posix", reason="signals are Unix's")


def run(*command: str, **variables: str) -> int:
    environ = {"PATH": os.environ["PATH"], **variables}
    with Signals() as signals:
        return signals.run(command, environ)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_commands(code: int) -> None:
    """Whatever it may mean."""
    assert run(*python(f"raise SystemExit({code})")) == code


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV"])
def test_a_signal_that_kills_it_is_in_the_code(name: str) -> None:
    """As shells have it: 128 and the signal's number."""
    code = run(*python(f"import os, signal; os.kill(os.getpid(), signal.{name})"))
    assert code == 128 + getattr(signal, name)


def test_the_environment_is_the_one_given() -> None:
    """And no other."""
    assert run(*python("import os; raise SystemExit(os.environ['X'] != 'a b')"), X="a b") == 0
    assert run(*python("import os; raise SystemExit('HOME' in os.environ)")) == 0


def test_a_command_is_found_on_the_path_of_its_environment(tmp_path: Path) -> None:
    """The one that it is going to have."""
    program = tmp_path / ("mine.cmd" if os.name == "nt" else "mine")
    program.write_text("exit 5\n" if os.name == "nt" else "#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    assert run("mine", PATH=str(tmp_path)) == 5
    assert find_program("mine", {"PATH": str(tmp_path)}).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["no-such-command", "./no-such-command", "/no/such", ""])
def test_a_command_that_is_not_there_is_127(name: str) -> None:
    """The message names it."""
    with pytest.raises(NotStarted, match=f"^{name}: command not found$") as caught:
        run(name)
    assert caught.value.code == 127


@posix
def test_a_command_that_cannot_be_executed_is_126(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No right to, a folder, no program at all, or one whose interpreter is gone."""
    for name, text, mode in (
        ("plain", "", 0o644),
        ("noise", "\x7fELF\0", 0o755),
        ("orphan", "#!/no/such/interpreter\n", 0o755),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("./plain", "plain", "./noise", "noise", "orphan", "./folder"):
        with pytest.raises(NotStarted, match="cannot be run") as caught:
            run(name, PATH=str(tmp_path))
        assert caught.value.code == 126


@posix
def test_what_was_inherited_is_the_commands_too() -> None:
    """As a shell passes `<(…)`."""
    source, target = os.pipe()
    try:
        os.write(target, b"x")
        os.set_inheritable(source, True)
        assert run(*python(f"import os; raise SystemExit(os.read({source}, 1) != b'x')")) == 0
        outside = f"import os\ntry: os.fstat({target})\nexcept OSError: pass\nelse: raise"
        assert run(*python(outside)) == 0
    finally:
        os.close(source)
        os.close(target)


@posix
@pytest.mark.parametrize("name", [n for n in FORWARDED if n != "SIGWINCH"])
def test_a_signal_before_there_is_a_child_ends_this_process(name: str) -> None:
    """With what was begun undone, and once: a second one does not disturb the undoing."""
    number = getattr(signal, name)
    before = signal.getsignal(number)
    undone = []

    def start_up() -> None:
        with Signals():
            try:
                os.kill(os.getpid(), signal.SIGWINCH)
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)
                undone.append("all")

    with pytest.raises(SystemExit) as caught:
        start_up()
    assert undone == ["all"]
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) == before


@posix
def test_a_signal_after_the_child_changes_nothing() -> None:
    """The exit code is known by then."""
    with Signals() as signals:
        assert signals.run(python("raise SystemExit(3)"), os.environ) == 3
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


CHILD = """
import signal, sys
got = []
def note(number, frame):
    got.append(signal.Signals(number).name)
    print(got[-1], flush=True)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), note)
print("ready", flush=True)
sys.stdin.read()
print(*got, flush=True)
"""

RUN = """
import os, sys
from iflow_relay.child import Signals
with Signals() as signals:
    code = signals.run(sys.argv[1:], os.environ)
sys.exit(code)
"""


@posix
def test_signals_reach_the_child_unless_the_terminal_sends_them() -> None:
    """Those that a terminal sends are left to it: the child would get them twice."""
    names = [*FORWARDED, "SIGINT", "SIGQUIT"]
    command = [sys.executable, "-c", RUN, sys.executable, "-c", CHILD, *names]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGQUIT)
        for name in FORWARDED:
            process.send_signal(getattr(signal, name))
            assert process.stdout.readline() == f"{name}\n"
        process.stdin.close()
        assert process.stdout.readline().split() == list(FORWARDED)
    assert process.returncode == 0


@posix
def test_what_was_ignored_stays_ignored() -> None:
    """Under nohup the child is safe from SIGHUP too; the terminal's signals are its own again."""
    ask = (
        "import signal as s;"
        "print(*(s.getsignal(n) is s.SIG_IGN for n in (s.SIGHUP, s.SIGQUIT, s.SIGTERM)))"
    )
    ignoring = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{RUN}"
    out = subprocess.check_output(
        [sys.executable, "-c", ignoring, sys.executable, "-c", ask],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    assert out == "True False False\n"
