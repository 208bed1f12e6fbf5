"""How `iflow-relay run` ends: by signals, with a relay that fails, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from tests.unit.commands.running import Running, python, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals are Unix's")

LISTEN = """
import signal, sys
def note(number, frame):
    print(signal.Signals(number).name, flush=True)
signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGUSR1, note)
print("ready", flush=True)
sys.stdin.readline()
raise SystemExit(7)
"""


def read(process: subprocess.Popen[str]) -> str:
    """The program's next line."""
    assert process.stdout
    return process.stdout.readline().strip()


def say(process: subprocess.Popen[str], text: str) -> None:
    """Type a line to the program."""
    assert process.stdin
    process.stdin.write(text + "\n")
    process.stdin.flush()


def test_a_signal_is_the_programs(run: Running) -> None:
    """It decides what comes of it; the relay is there until then."""
    with run.started(*python(LISTEN)) as process:
        assert read(process) == "ready"
        process.send_signal(signal.SIGUSR1)
        assert read(process) == "SIGUSR1"
        assert run.ending() is None
        say(process, "")
        assert process.wait(20) == 7
    assert run.ending() == "stdin"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_program_ends_all(run: Running, name: str) -> None:
    """The code tells of the signal."""
    with run.started(*python(LISTEN)) as process:
        assert read(process) == "ready"
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 128 + getattr(signal, name)
    assert run.ending() == "stdin"
    assert run.left_over() == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_before_the_program_starts_ends_all(run: Running, name: str) -> None:
    """While the relay is still on its way."""
    with run.started(*python(LISTEN), STAND_IN_MODE="held") as process:
        wait_until(run.has_relay, "the relay")
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 128 + getattr(signal, name)
        assert process.stdout
        assert process.stdout.read() == ""
    wait_until(lambda: run.ending() is not None, "the relay's end")
    assert run.left_over() == []


def test_a_relay_that_takes_its_time_is_waited_for(run: Running) -> None:
    """The program starts when it can be served, and not before."""
    with run.started(*python(LISTEN), STAND_IN_MODE="held") as process:
        wait_until(run.has_relay, "the relay")
        assert process.poll() is None
        (run.folder / "go").touch()
        assert read(process) == "ready"
        say(process, "")
        assert process.wait(20) == 7


def test_a_relay_that_does_not_start_is_told(run: Running) -> None:
    """What it says itself stands first; the program is not run."""
    assert run(*python("print(1)"), STAND_IN_MODE="fails") == (
        125,
        "",
        "ERROR: iflow_timeout: 'x' is no number\n"
        "iflow-relay: The relay did not start (exit code 1).\n",
    )
    assert run.left_over() == []


def test_a_relay_that_never_answers_is_given_up(run: Running) -> None:
    """And ended."""
    code, out, err = run(*python("print(1)"), patience=1, STAND_IN_MODE="silent")
    assert (code, out) == (125, "")
    assert err == "iflow-relay: The relay was not ready within 1 s.\n"
    assert run.ending() == "SIGTERM"


def test_a_relay_that_talks_of_something_else_is_told(run: Running) -> None:
    """Its first line is shown."""
    code, out, err = run(*python("print(1)"), STAND_IN_MODE="noise")
    assert (code, out) == (125, "")
    assert "'Listening'" in err


def test_a_relay_that_dies_is_told_and_the_program_goes_on(run: Running) -> None:
    """Its calls fail from then on; it may have other things to do."""
    with run.started(*python(LISTEN)) as process:
        assert read(process) == "ready"
        run.kill_relay()
        assert process.stderr
        assert "The relay has ended (exit code -9)" in process.stderr.readline()
        assert process.poll() is None
        say(process, "")
        assert process.wait(20) == 7
        assert process.stderr.read() == ""
    assert run.left_over() == []


def test_a_relay_that_will_not_end_is_made_to(run: Running) -> None:
    """The exit code is the program's all the same."""
    command = run.command(*python("raise SystemExit(4)"), grace=0.2)
    environ = run.environment({"STAND_IN_MODE": "stubborn"})
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")
    with pytest.raises(ProcessLookupError):
        os.kill(run.relay["pid"], 0)


def test_killed_it_leaves_no_relay_behind(run: Running) -> None:
    """The program is its own master and goes on; the relay ends with its stdin."""
    with run.started(*python(LISTEN)) as process:
        assert read(process) == "ready"
        process.kill()
        wait_until(lambda: run.ending() == "stdin", "the relay's end")
        say(process, "")
