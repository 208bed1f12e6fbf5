"""The file of a recording: it takes its place when that is wanted, and holds whole records only."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

_BEGINS = re.compile(rb"\d+:|\Z")
"""How a flow file begins; an empty one is one as well."""


class RecordFile:
    """A new file, readable by its owner alone; what was there stays until `settle`."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where nothing can be written there, or what is there is no recording."""
        self._path = path.resolve()
        self._size = 0
        self._fresh = ""
        if self._path.exists() and not self._path.is_file():
            # A device or a pipe is written to, not replaced.
            self._file = open(self._path, "ab", buffering=0, opener=_open_at_once)  # noqa: SIM115
            return
        if self._path.exists() and not _is_recording(self._path):
            raise FileExistsError("it holds something else, which would be lost")
        descriptor, self._fresh = tempfile.mkstemp(
            prefix=f".{self._path.name}-", dir=self._path.parent
        )
        self._file = open(descriptor, "ab", buffering=0)  # noqa: SIM115

    def settle(self) -> None:
        """Take the place of what was there before; raises OSError."""
        if self._fresh:
            self._file.close()  # Windows moves no file that is open
            os.replace(self._fresh, self._path)
            self._fresh = ""
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115

    def write(self, record: bytes) -> int:
        """Write a record, whole or not at all; raises OSError, also where nobody could find it."""
        if not os.fstat(self._file.fileno()).st_nlink:
            raise FileNotFoundError("the file was removed, or another recording took its place")
        left = memoryview(record)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(record)
        return len(record)

    def close(self) -> None:
        """Be done with it; one that never settled is gone."""
        self._file.close()
        if self._fresh:
            with contextlib.suppress(OSError):
                os.unlink(self._fresh)


def _is_recording(path: Path) -> bool:
    with path.open("rb") as file:
        return _BEGINS.match(file.read(20)) is not None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody reads is an error, where `open` would wait for a reader."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    os.set_blocking(descriptor, True)
    return descriptor
