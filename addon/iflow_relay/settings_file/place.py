"""Where the file really is, and in words why it cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import SettingsNotWritten
from ..files import give_file, short_path

_REASONS: Final = {
    errno.ENOSPC: "no space is left on the device",
    getattr(errno, "EDQUOT", -1): "your share of the disk is used up",
    errno.EROFS: "the file system is read-only",
    errno.EFBIG: "it would be larger than files may be here",
    errno.EISDIR: "a folder has its name, or its lock's",
    errno.EMFILE: "too many files are open",
    errno.ENAMETOOLONG: "its name is too long",
}


def where(path: Path) -> tuple[Path, Path | None]:
    """The real file, and the link that led to it: the file's own name, or its folder's.

    Links directly in the root folder are the system's own (/tmp on macOS) and not spoken of.
    Raises SettingsNotWritten for a link that leads nowhere, or in a circle.
    """
    path = path.absolute()
    named = (p for p in (path, path.parent) if p.parent != Path(p.anchor))
    link = next((p for p in named if os.path.islink(p)), None)
    if link and not _leads_somewhere(link):
        raise SettingsNotWritten(
            f"{short_path(link)} is a link to {os.readlink(link)}, which is not there: "
            "make that, or remove the link. Nothing was written."
        )
    return Path(os.path.realpath(path)), link


def make_folder(folder: Path) -> None:
    """Make the folder for its owner alone, if there is none; raises OSError."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    give_file(folder, folder.parent)


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Raise SettingsNotWritten for what the system says while the file is being written."""
    try:
        yield
    except (OSError, NotImplementedError) as error:
        raise not_written(path, _reason(path, error)) from error


def not_written(path: Path, reason: str) -> SettingsNotWritten:
    """The error, with the promise that nothing has happened."""
    kept = "The file is as it was." if os.path.lexists(path) else "Nothing was written."
    return SettingsNotWritten(f"{short_path(path)} cannot be written: {reason}. {kept}")


def _reason(path: Path, error: OSError | NotImplementedError) -> str:
    folder = short_path(next(parent for parent in path.parents if os.path.lexists(parent)))
    number = error.errno if isinstance(error, OSError) else errno.ENOSYS
    if number in (errno.EACCES, errno.EPERM):
        is_reading = isinstance(error, OSError) and error.filename == str(path)
        return "you may not read it" if is_reading else f"you may not write in {folder}"
    if number in (errno.ENOTDIR, errno.EEXIST):
        return f"{folder} is no folder"
    if number is None:
        return str(error) or type(error).__name__
    return _REASONS.get(number) or os.strerror(number).lower()


def _leads_somewhere(link: Path) -> bool:
    try:
        link.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.ELOOP:
            return True  # what stands in the way is said when it is opened
        raise SettingsNotWritten(
            f"{short_path(link)} is a link that leads back to itself: remove it. "
            "Nothing was written."
        ) from error
    return True
