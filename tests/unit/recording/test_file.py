"""The file of a recording: in its place when it is wanted there, whole, and its owner's alone."""

from __future__ import annotations

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iflow_relay.recording.file import RecordFile


def test_what_was_there_stays_until_it_settles(tmp_path: Path) -> None:
    """A relay that does not start has destroyed nothing."""
    path = tmp_path / "file"
    path.write_bytes(b"6:before;")
    file = RecordFile(path)
    file.write(b"one")
    assert path.read_bytes() == b"6:before;"
    file.settle()
    file.write(b"two")
    assert path.read_bytes() == b"onetwo"
    file.close()
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_never_settles_leaves_nothing(tmp_path: Path) -> None:
    """Neither in its place nor beside it."""
    RecordFile(tmp_path / "file").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such permissions")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Though the one before could be read by all."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o644)
    file = RecordFile(path)
    file.settle()
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    file = RecordFile(link)
    file.settle()
    file.write(b"one")
    file.close()
    assert link.is_symlink()
    assert (tmp_path / "file").read_bytes() == b"one"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_device_is_written_to_and_not_replaced() -> None:
    """What cannot be written is an error, and the device stays."""
    full = Path("/dev/full")
    file = RecordFile(full)
    file.settle()
    with pytest.raises(OSError, match="No space"):
        file.write(b"one")
    file.close()
    assert stat.S_ISCHR(os.stat(full).st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the disk is full in the middle of one, what came before it stays readable."""
    import resource
    import signal

    path = tmp_path / "file"
    file = RecordFile(path)
    file.settle()
    file.write(b"a" * 100)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            file.write(b"b" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == b"a" * 100
    file.write(b"c")
    file.close()
    assert path.read_bytes() == b"a" * 100 + b"c"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """At once, and not at the first call."""
    with pytest.raises(OSError, match="No such"):
        RecordFile(tmp_path / "none" / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open stays there")
def test_a_file_that_is_no_longer_there_is_an_error(tmp_path: Path) -> None:
    """Removed, or replaced by another recorder: what was written to it nobody would find."""
    path = tmp_path / "file"
    first, second = RecordFile(path), RecordFile(path)
    first.settle()
    first.write(b"1:a,")
    second.settle()
    with pytest.raises(OSError, match="another recording took its place"):
        first.write(b"1:b,")
    second.write(b"1:c,")
    assert path.read_bytes() == b"1:c,"
    path.unlink()
    with pytest.raises(OSError, match="removed"):
        second.write(b"1:d,")
    first.close()
    second.close()


@pytest.mark.parametrize("text", ["import sys\n", "\n", "12", "{}", "1 : 2", "\0"])
def test_what_is_no_recording_is_not_replaced(tmp_path: Path, text: str) -> None:
    """A script, say, that stands where the file's name was forgotten."""
    path = tmp_path / "script.py"
    path.write_text(text)
    with pytest.raises(OSError, match="something else"):
        RecordFile(path)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_that_nobody_reads_is_an_error(tmp_path: Path) -> None:
    """At once; to open it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        RecordFile(tmp_path / "pipe")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_that_somebody_reads_is_written_to(tmp_path: Path) -> None:
    """It waits where its reader is slow, and loses nothing."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = RecordFile(path)
    file.settle()
    sent = b"x" * (1 << 20)
    with ThreadPoolExecutor(1) as pool:
        os.set_blocking(reader, True)
        written = pool.submit(file.write, sent)
        got = b""
        while len(got) < len(sent):
            got += os.read(reader, 1 << 16)
        assert written.result() == len(sent)
    file.close()
    os.close(reader)
    assert got == sent
