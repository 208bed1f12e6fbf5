"""Runs one program that does not outlive whoever asked for it; a program of its own, for POSIX.

`python lifeline.py DESCRIPTOR FOLDER COMMAND ARGUMENT…` in a session of its own. DESCRIPTOR is the
reading end of a pipe: when its other end is closed, by a relay that ends, crashes or is killed, the
program and what it has started are asked to end, then killed, and FOLDER is removed. The same when
the program ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from types import FrameType
from typing import Final

GRACE: Final = 5.0
"""Seconds that the program has to end by itself."""


def main(descriptor: int, folder: str, command: list[str]) -> None:
    """Start the program, wait, and leave nothing behind; does not return."""
    os.set_inheritable(descriptor, False)
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, _note)
    child = os.fork()
    if not child:
        _become(command)
    # The group is asked to end as a whole, and this process is of it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _note)
    _give_away_stdio()
    while not _has_ended(child):
        ready, _, _ = select.select([awake, descriptor], [], [])
        if awake in ready:
            os.read(awake, 64)
        if descriptor in ready:
            if not _has_ended(child):
                _end(child, awake)
            break
    _remove(folder)
    os.killpg(0, signal.SIGKILL)


def _become(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
    os._exit(127)


def _give_away_stdio() -> None:
    """Leave stdin and stdout to the program alone, so that their ends are seen."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _has_ended(child: int) -> bool:
    found, status = os.waitpid(child, os.WNOHANG)
    if not found:
        return False
    code = os.waitstatus_to_exitcode(status)
    how = f"with exit status {code}" if code >= 0 else f"by signal {-code}"
    # Nobody hears it where the relay was killed; what is left has to go all the same.
    with contextlib.suppress(OSError):
        os.write(2, f"(it ended {how})\n".encode())
    return True


def _end(child: int, awake: int) -> None:
    os.killpg(0, signal.SIGTERM)
    limit = time.monotonic() + GRACE
    # A child that has ended wakes this up, and so does the signal sent to the group.
    while (left := limit - time.monotonic()) > 0 and not os.waitpid(child, os.WNOHANG)[0]:
        if select.select([awake], [], [], left)[0]:
            os.read(awake, 64)


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _note(number: int, frame: FrameType | None) -> None:
    """Only wake up."""


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
