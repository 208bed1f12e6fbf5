"""What the operating system says about processes, and which cores they run on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """One core for the proxy alone; the upstream and the load share the rest."""

    proxy: frozenset[int]
    load: frozenset[int]


def split_cores() -> Cores | None:
    """The cores of this machine in two parts; None where there is one only, or no telling."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return None
    return Cores(frozenset(allowed[-1:]), frozenset(allowed[:-1]))


@contextmanager
def pinned(cpus: frozenset[int] | None) -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on these cores."""
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all threads together."""
    if sys.platform == "linux":
        # The clock of another process, to the nanosecond: see clock_getcpuclockid(3). /proc and
        # ps count in hundredths of a second, too coarse for a run of one second.
        return time.clock_gettime((~pid << 3) | 2)
    return _parse_ps_time(_ps(pid, "time"))


def waited_seconds(pid: int) -> float:
    """How long a process was ready to run while its core did something else; 0 if unknown."""
    if sys.platform == "linux":
        # See sched-stats in the kernel's documentation: time run, time waited, turns.
        return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9
    return 0


def resident_mb(pid: int) -> float:
    """Memory that a process holds, in MB of a million bytes."""
    if sys.platform == "linux":
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return int(_ps(pid, "rss")) * 1024 / 1e6


def _ps(pid: int, column: str) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.check_output(command, text=True).strip()


def _parse_ps_time(text: str) -> float:
    """Seconds of `[[days-]hours:]minutes:seconds`."""
    days, _, rest = text.rpartition("-")
    parts = reversed(rest.split(":"))
    seconds = sum(float(part) * unit for part, unit in zip(parts, (1, 60, 3600), strict=False))
    return seconds + int(days or 0) * 86400
