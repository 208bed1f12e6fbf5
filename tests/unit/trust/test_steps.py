"""The steps of a change: what they say, and what they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.trust.machines import Fake

from iflow_relay.trust.steps import (
    Copy,
    MakeFolder,
    Remove,
    Run,
    Step,
    StepError,
    describe,
    render_line,
    take,
)

A, B = Path("/a b"), Path("/c")


@pytest.mark.parametrize(
    ("step", "words", "line"),
    [
        (MakeFolder(A), "make the folder /a b", "mkdir -p '/a b'"),
        (Copy(A, B), "copy /a b to /c", "install -m 644 '/a b' /c"),
        (Remove(A), "remove /a b", "rm -f '/a b'"),
        (Run(("do", "it now")), "do 'it now'", "do 'it now'"),
    ],
)
def test_a_step_is_told_in_words_and_as_a_line(step: Step, words: str, line: str) -> None:
    """The line can be pasted into a shell."""
    assert describe(step) == words
    assert render_line(step) == line


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A machine without programs."""
    return Fake(tmp_path)


def test_files_are_put_and_taken_away(fake: Fake) -> None:
    """Everybody may read them, whatever the umask; taking away twice does no harm."""
    source, target = fake.root / "source", fake.root / "folder" / "target"
    source.write_text("text")
    source.chmod(0o600)
    before = os.umask(0o077)
    try:
        take(MakeFolder(target.parent), fake.machine)
        take(Copy(source, target), fake.machine)
    finally:
        os.umask(before)
    assert target.read_text() == "text"
    assert target.stat().st_mode & 0o777 == 0o644
    assert target.parent.stat().st_mode & 0o777 == 0o700
    assert list(target.parent.iterdir()) == [target]
    for _ in range(2):
        take(Remove(target), fake.machine)
        assert not target.exists()


def test_a_copy_that_fails_leaves_nothing_behind(fake: Fake) -> None:
    """Neither half a file nor a temporary one."""
    source, target = fake.root / "source", fake.root / "target"
    source.write_text("text")
    target.mkdir()
    with pytest.raises(StepError, match=f"^{target}: Is a directory$"):
        take(Copy(source, target), fake.machine)
    assert sorted(fake.root.iterdir()) == [source, target]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('some words'); sys.exit('the reason')", r"^the reason$"),
        ("print('first'); print('the reason'); sys.exit(3)", r"^the reason$"),
        ("sys.exit(3)", r"^it ended with status 3$"),
        ("os.kill(os.getpid(), 9)", r"^it ended with status -9$"),
    ],
)
def test_a_program_that_fails_says_why(fake: Fake, body: str, why: str) -> None:
    """Its last words are what a person needs."""
    fake.program("tool", body)
    with pytest.raises(StepError, match=why):
        take(Run(("tool",)), fake.machine)


def test_a_program_that_is_not_there_is_named(fake: Fake) -> None:
    """Nothing but the machine's own PATH is searched."""
    with pytest.raises(StepError, match=r"^python3 is not installed$"):
        take(Run(("python3",)), fake.machine)


def test_a_program_that_is_none_is_named(fake: Fake) -> None:
    """The system refuses to run it."""
    (fake.bin / "tool").write_bytes(b"\x7fELF")
    (fake.bin / "tool").chmod(0o755)
    with pytest.raises(StepError, match=r"^tool cannot be run: "):
        take(Run(("tool",)), fake.machine)


def test_a_program_has_no_terminal_to_ask_in(fake: Fake) -> None:
    """One that wants a password fails at once and does not wait for it."""
    fake.program("tool", "assert sys.stdin.read() == ''; open('/dev/tty')")
    with pytest.raises(StepError, match="/dev/tty"):
        take(Run(("tool",)), fake.machine)


def test_a_program_that_does_not_end_is_given_up(fake: Fake) -> None:
    """Where all we want to know is what is in a store."""
    fake.program("tool", "import time; time.sleep(60)")
    assert fake.machine.run(("tool",), patience=0.2).why == "tool did not end within 0 s"


def test_programs_for_root_are_found_off_the_path(fake: Fake) -> None:
    """A user's PATH need not have them."""
    fake.program("tool", folder=fake.root / "usr/sbin")
    take(Run(("tool", "now")), fake.machine)
    assert fake.calls() == [["tool", "now"]]
