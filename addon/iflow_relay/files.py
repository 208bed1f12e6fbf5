"""Files that are there whole or not at all, for whoever reads them and whatever happens."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAX_FILE: Final = 1 << 20
"""Bytes of a credential file that are read: real ones have a few hundred."""

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in one go, with these permissions from the start; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with fresh_file(path.parent, f".{path.name}-", data, mode) as fresh:
        os.replace(fresh, path)


@contextlib.contextmanager
def fresh_file(
    folder: Path, prefix: str, data: bytes, mode: int = 0o600, like: Path | None = None
) -> Iterator[str]:
    """A new file that is safely on disk; it is gone at the end, unless it was moved elsewhere.

    It belongs to whom `like` belongs to, where this process may give files away.
    """
    descriptor, fresh = tempfile.mkstemp(prefix=prefix, dir=folder)
    try:
        with open(descriptor, "wb") as file:
            if like:
                give_file(file.fileno(), like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            os.chmod(fresh, mode)
        yield fresh
    finally:
        with contextlib.suppress(OSError):
            os.unlink(fresh)


def give_file(file: int | Path, like: Path) -> None:
    """Have a file belong to whom `like` belongs to, where this process may; links stay theirs."""
    with contextlib.suppress(OSError, AttributeError):
        wanted = os.stat(like)
        if wanted.st_uid == os.geteuid():
            return
        if isinstance(file, int):
            os.fchown(file, wanted.st_uid, wanted.st_gid)
        else:
            os.chown(file, wanted.st_uid, wanted.st_gid, follow_symlinks=False)


def sync_folder(folder: Path) -> None:
    """Have what was moved within it survive a power cut, on systems that let folders be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_file(path: Path) -> bytes | None:
    """The bytes of a small file, None where there is none; never waits for what is no file.

    Raises ValueError in words for what cannot be such a file, OSError where reading fails.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "something else")
            raise ValueError(f"{short_path(path)} is {what}, not a file")
        with open(path, "rb", opener=_open_at_once) as file:
            data = file.read(MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > MAX_FILE:
        raise ValueError(
            f"{short_path(path)} is larger than {MAX_FILE >> 20} MB: it is another file"
        )
    return data


def short_path(path: Path) -> str:
    """The path as its owner writes it."""
    try:
        return str(Path("~", path.relative_to(Path.home())))
    except (ValueError, RuntimeError):
        return str(path)


def _open_at_once(path: str, flags: int) -> int:
    """A pipe that has come in the place of the file meanwhile would else wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
