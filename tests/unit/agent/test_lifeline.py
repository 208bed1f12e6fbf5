"""A program that does not outlive whoever asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.programs import wait_until

from iflow_relay.agent import lifeline

pytestmark = pytest.mark.skipif(os.name != "posix", reason="it is for POSIX")

SLEEP = "import time; time.sleep(600)"
IGNORING = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


class Held:
    """A program on a line that can be let go."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder = folder / "own"
        self.folder.mkdir()
        (self.folder / "file").touch()
        reading, self.line = os.pipe()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", lifeline.__file__, str(reading), str(self.folder)),
                *(sys.executable, "-S", "-c", code),
            ],
            pass_fds=[reading],
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(reading)

    def let_go(self) -> None:
        """Close the line, once."""
        if self.line >= 0:
            os.close(self.line)
            self.line = -1

    def is_gone(self) -> bool:
        """Whether the whole group has ended."""
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def held(tmp_path: Path) -> Iterator[list[Held]]:
    """Programs that end with the test."""
    programs: list[Held] = []
    yield programs
    for program in programs:
        program.let_go()
        program.process.kill()
        program.process.communicate()


def test_the_program_has_stdin_and_stdout_to_itself(tmp_path: Path, held: list[Held]) -> None:
    """What it says comes through, and its end is seen."""
    program = Held(tmp_path, "print(input()[::-1])")
    held.append(program)
    said, errors = program.process.communicate(b"abc\n", 10)
    assert said == b"cba\n"
    assert errors == b"(it ended with exit status 0)\n"
    assert not program.folder.exists()


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("raise SystemExit(3)", b"with exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", b"by signal 9"),
    ],
)
def test_how_the_program_ended_is_said(
    tmp_path: Path, held: list[Held], code: str, how: bytes
) -> None:
    """On stderr, as its last words."""
    program = Held(tmp_path, code)
    held.append(program)
    assert how in program.process.communicate(timeout=10)[1]


@pytest.mark.parametrize("attitude", ["", IGNORING])
def test_letting_go_ends_the_program(tmp_path: Path, held: list[Held], attitude: str) -> None:
    """Whether it wants to or not; its folder goes with it."""
    program = Held(tmp_path, f"{attitude}print('begun', flush=True); {SLEEP}")
    held.append(program)
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == b"begun\n"
    begun = time.monotonic()
    program.let_go()
    wait_until(program.is_gone, "the group has ended")
    assert not program.folder.exists()
    assert (time.monotonic() - begun >= lifeline.GRACE) is bool(attitude)


def test_what_the_program_has_started_ends_with_it(tmp_path: Path, held: list[Held]) -> None:
    """Though the program itself has ended well."""
    start = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {IGNORING + SLEEP!r}])"
    )
    program = Held(tmp_path, start)
    held.append(program)
    wait_until(program.is_gone, "the group has ended")


def test_asking_the_group_to_end_ends_the_program_only_once_it_has_cleaned_up(
    tmp_path: Path, held: list[Held]
) -> None:
    """Such as a service manager does that stops everything."""
    program = Held(tmp_path, f"print('begun', flush=True); {SLEEP}")
    held.append(program)
    assert program.process.stdout is not None
    program.process.stdout.readline()
    os.killpg(program.process.pid, signal.SIGTERM)
    wait_until(program.is_gone, "the group has ended")
    assert not program.folder.exists()


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    """As a shell would."""
    reading, line = os.pipe()
    command = [sys.executable, "-I", "-S", lifeline.__file__, str(reading), str(tmp_path / "x")]
    done = subprocess.run(
        [*command, "./no-such-program"],
        pass_fds=[reading],
        start_new_session=True,
        capture_output=True,
        timeout=10,
        check=False,
    )
    os.close(reading)
    os.close(line)
    assert done.stderr.startswith(b"./no-such-program cannot be run: No such file")
    assert b"exit status 127" in done.stderr


def test_a_program_that_ends_where_nobody_hears_it_leaves_nothing(
    tmp_path: Path, held: list[Held]
) -> None:
    """A relay that was killed has closed the other end of its stderr, too."""
    program = Held(tmp_path, "input()")
    held.append(program)
    assert program.process.stderr
    assert program.process.stdin
    program.process.stderr.close()
    program.process.stdin.close()
    program.process.stderr = program.process.stdin = None
    wait_until(program.is_gone, "its end", 10)
    assert not program.folder.exists()
