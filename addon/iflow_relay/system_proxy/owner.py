"""The process that a snapshot belongs to, told apart from a later one with the same id."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple


class Owner(NamedTuple):
    """A process; `began` says when it started in the system's own terms, where it tells."""

    pid: int
    began: str | None = None


def find_owner(pid: int) -> Owner | None:
    """The process that has this id now, None where there is none."""
    if pid <= 0:
        return None
    if Path("/proc/self/stat").exists():
        return _read_proc(pid)
    return Owner(pid=pid) if _exists(pid) else None


def is_alive(owner: Owner) -> bool:
    """Whether that very process still runs."""
    now = find_owner(owner.pid)
    return now is not None and (None in (now.began, owner.began) or now.began == owner.began)


def _read_proc(pid: int) -> Owner | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return None
    # The program's name, in brackets, may have blanks and brackets in it (man 5 proc_pid_stat).
    fields = line.rpartition(")")[2].split()
    state, ticks = fields[0], fields[19]
    # A zombie has ended; its parent has not looked yet.
    return None if state in "ZX" else Owner(pid=pid, began=f"{boot} {ticks}")


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _exists_on_windows(pid: int) -> bool:
    """Whether the process runs; `os.kill` would end it there."""
    if sys.platform != "win32":
        return False
    import ctypes

    kernel = ctypes.windll.kernel32
    process = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not process:
        return False
    status = ctypes.c_ulong()
    kernel.GetExitCodeProcess(process, ctypes.byref(status))
    kernel.CloseHandle(process)
    return status.value == 259  # STILL_ACTIVE
