"""Whose a snapshot is: a process that runs, and not a later one with its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iflow_relay.system_proxy.owner import Owner, find_owner, is_alive


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_that_runs_is_alive(process: subprocess.Popen[bytes]) -> None:
    """As is this one."""
    for pid in (process.pid, os.getpid()):
        owner = find_owner(pid)
        assert owner
        assert owner.pid == pid
        assert is_alive(owner)


def test_a_process_that_was_killed_is_not(process: subprocess.Popen[bytes]) -> None:
    """Once its parent knows it, everywhere; on Linux, before that too."""
    owner = find_owner(process.pid)
    assert owner
    process.send_signal(signal.SIGKILL)
    if owner.began:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(owner)
    process.wait()
    assert not is_alive(owner)
    assert find_owner(process.pid) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to tell them apart")
def test_another_process_with_the_same_id_is_not_the_owner() -> None:
    """It began at another time, or since another start of the machine."""
    me = find_owner(os.getpid())
    assert me
    assert me.began
    boot, ticks = me.began.split()
    for began in (f"{boot} {int(ticks) - 1}", f"{boot[::-1]} {ticks}"):
        assert not is_alive(Owner(pid=os.getpid(), began=began))
    assert is_alive(Owner(pid=os.getpid()))


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_an_id_that_no_process_has_is_nobodys(pid: int) -> None:
    """Zero and less are groups of processes to the system."""
    assert find_owner(pid) is None
    assert not is_alive(Owner(pid=pid))


def test_a_program_may_have_any_name(tmp_path: Path) -> None:
    """Blanks and brackets in it stand before what is read."""
    link = tmp_path / "a) R 1 (b"
    link.symlink_to(sys.executable)
    with subprocess.Popen([link, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = find_owner(process.pid)
        assert owner
        assert is_alive(owner)
        process.kill()
