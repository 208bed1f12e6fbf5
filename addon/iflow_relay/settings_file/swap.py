"""Puts a file in another's place without destroying what somebody saved there just before.

A rename would do so silently. Linux can exchange two files in one step (renameat2(2) with
RENAME_EXCHANGE), so that what was pushed aside can be looked at, and put back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE


def take_place(fresh: str, path: str, is_expected: Callable[[str], bool]) -> bool:
    """Move `fresh` to the place of `path`; False, with all as it was, where that has changed.

    `is_expected` looks at a file: whether it is the one that was at `path` before. Where files
    cannot be exchanged, it looks just before the move and no more. Raises OSError.
    """
    if not is_expected(path):
        return False
    try:
        ours = _identity(fresh)
        if not _exchange(fresh, path):
            os.replace(fresh, path)
            return True
    except FileNotFoundError:
        return False
    if is_expected(fresh):
        return True
    with contextlib.suppress(FileNotFoundError):  # somebody has removed it: then it stays away
        _put_back(fresh, path, ours)
    return False


def _put_back(fresh: str, path: str, last: tuple[int, int]) -> None:
    """Exchange until what comes out is what went in last: then the newest is in its place."""
    entering = _identity(fresh)
    while _exchange(fresh, path) and (leaving := _identity(fresh)) != last:
        last, entering = entering, leaving


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path, follow_symlinks=False)
    return found.st_dev, found.st_ino


def _exchange(one: str, other: str) -> bool:
    """Whether both were exchanged; raises FileNotFoundError where one is not there."""
    rename = _load_rename()
    if rename is None:
        return False
    number = rename(os.fsencode(one), os.fsencode(other))
    if number == errno.ENOENT:
        raise FileNotFoundError(number, os.strerror(number), other)
    return number == 0  # what else stands in the way, a plain move will tell


@cache
def _load_rename() -> Callable[[bytes, bytes], int] | None:
    """The system's function, which gives an error's number; None where there is none."""
    if sys.platform != "linux":
        return None
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    try:
        rename = libc.renameat2
    except AttributeError:
        return None

    def exchange(one: bytes, other: bytes) -> int:
        done: int = rename(_HERE, one, _HERE, other, _EXCHANGE)
        return ctypes.get_errno() if done else 0

    return exchange
