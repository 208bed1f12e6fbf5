"""Reading, changing and replacing the file, again and again until nobody came between."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import sleep as pause
from typing import Any, Final, NamedTuple

from ..errors import SettingsDamaged, SettingsNotWritten
from ..files import MAX_FILE, fresh_file, give_file, read_file, short_path, sync_folder
from ..jsonedit import edit_object
from ..jsontext import parse_document
from .lock import hold
from .place import in_words, not_written, where
from .swap import take_place

Change = Callable[[Mapping[str, Any]], Mapping[str, object]]
"""From the document to the members to set, or to remove (GONE); may be asked more than once."""

TRIES: Final = 20
"""How often it is begun anew because somebody else has changed the file."""

SETTLING: Final = 0.1
"""Seconds after which a file that was being written when it was read is complete."""

_EMPTY: Final = b"{}\n"


class Written(NamedTuple):
    """The file, the link that led to it, and what has become of it.

    `backup` is the copy of a damaged file that was replaced.
    """

    path: Path
    link: Path | None
    created: bool = False
    changed: bool = False
    backup: Path | None = None


class _Seen(NamedTuple):
    """What stood in the file, and in words what is wrong; no signature where it is missing."""

    signature: tuple[int, int, int] | None = None
    mode: int = 0o600
    data: bytes | None = None
    document: Mapping[str, Any] = {}
    damage: str | None = None


class _Overtaken(Exception):
    """Somebody else has written the file meanwhile."""


def change_settings(path: Path, change: Change, *, replace_damaged: bool = False) -> Written:
    """Set and remove top-level members; nothing is written where nothing is to be changed.

    A file that is no JSON object is replaced, and kept in a copy beside it, if `replace_damaged`.
    Raises SettingsDamaged and SettingsNotWritten, and whatever `change` does; the file is as it was
    then.
    """
    real, link = where(path)
    if not _has_work(real, change):
        return Written(real, link)
    with hold(real, "settings"):
        for _ in range(TRIES):
            with in_words(real):
                seen = _see_settled(real)
            _check(real, seen, replace_damaged)
            data = _edit(seen, change)
            if len(data) > MAX_FILE:
                raise not_written(real, f"it would be larger than {MAX_FILE >> 20} MB")
            if data == _base(seen):
                break
            with contextlib.suppress(_Overtaken), in_words(real):
                _sweep(real)
                backup = _replace(real, seen, data)
                return Written(real, link, seen.signature is None, True, backup)
        else:
            raise not_written(real, "another program changes it all the time")
    return Written(real, link)


def _has_work(real: Path, change: Change) -> bool:
    """Whether there is something to change, as far as can be seen without the lock."""
    try:
        seen = _see(real)
    except OSError:
        return True
    return seen.damage is not None or _edit(seen, change) != _base(seen)


def _edit(seen: _Seen, change: Change) -> bytes:
    return edit_object(_base(seen).decode(), change(seen.document)).encode()


def _base(seen: _Seen) -> bytes:
    """What the change starts from."""
    return _EMPTY if seen.damage or seen.data is None else seen.data


def _see(real: Path) -> _Seen:
    seen = _look(real)
    if seen.data is None:
        return seen
    try:
        return seen._replace(document=parse_document(seen.data))
    except ValueError as error:
        return seen._replace(damage=f"{short_path(real)}: {error}.")


def _look(real: Path) -> _Seen:
    """The same, without knowing whether the bytes are any good."""
    try:
        found = os.stat(real)
    except (FileNotFoundError, NotADirectoryError):
        return _Seen()
    seen = _Seen((found.st_mtime_ns, found.st_size, found.st_ino), found.st_mode)
    try:
        data = read_file(real)
    except ValueError as error:
        return seen._replace(damage=f"{error}.")
    return _Seen() if data is None else seen._replace(data=data)


def _see_settled(real: Path) -> _Seen:
    """The same, once a file that is no JSON has stayed so for a moment."""
    seen = _see(real)
    for _ in range(TRIES):
        if not seen.damage:
            break
        pause(SETTLING)
        before, seen = seen, _see(real)
        if seen == before:
            break
    return seen


def _check(real: Path, seen: _Seen, replace_damaged: bool) -> None:
    """Raise what stands against a change."""
    if not seen.damage:
        return
    if not real.is_file():
        raise SettingsNotWritten(f"{seen.damage} Move it away first. Nothing was written.")
    if not replace_damaged:
        raise SettingsDamaged(
            f"{seen.damage} It was left as it is; if it is replaced, a copy is kept beside it."
        )


def _replace(real: Path, seen: _Seen, data: bytes) -> Path | None:
    """Put the data in the place of what was seen; the copy that was made of it, if it was damaged.

    Raises _Overtaken where something else is there by now, and OSError.
    """
    mode = 0o600 if seen.mode & 0o177 else seen.mode & 0o600
    like = real if seen.signature else real.parent
    backup = _back_up(real) if seen.damage else None
    try:
        with fresh_file(real.parent, _prefix(real), data, mode, like) as fresh:
            _move(fresh, real, seen)
    except (_Overtaken, OSError):
        if backup:
            backup.unlink(missing_ok=True)
        raise
    sync_folder(real.parent)
    return backup


def _move(fresh: str, real: Path, seen: _Seen) -> None:
    if seen.signature:
        if not take_place(fresh, str(real), partial(_is_same, seen)):
            raise _Overtaken
        return
    try:
        os.link(fresh, real)  # never takes another file's place, as moving would
    except FileExistsError:
        raise _Overtaken from None
    except (OSError, AttributeError):
        os.replace(fresh, real)  # there are no such links here


def _is_same(seen: _Seen, path: str) -> bool:
    try:
        now = _look(Path(path))
    except OSError:
        return False
    return (now.signature, now.data) == (seen.signature, seen.data)


def _back_up(real: Path) -> Path:
    """Copy the file, byte by byte, to a name that nothing has yet."""
    stem = f"{real.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        copy = real.with_name(stem if number == 1 else f"{stem}-{number}")
        try:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with contextlib.ExitStack() as undo:
            undo.callback(copy.unlink, missing_ok=True)
            with open(descriptor, "wb") as to, real.open("rb") as of:
                give_file(descriptor, real)
                shutil.copyfileobj(of, to)
                to.flush()
                os.fsync(descriptor)
            undo.pop_all()
        return copy
    raise FileExistsError(copy)


def _sweep(real: Path) -> None:
    """Remove what writers that were killed have left; nobody else writes under this lock."""
    for left in real.parent.iterdir():
        if left.name.startswith(_prefix(real)):
            with contextlib.suppress(OSError):
                left.unlink()


def _prefix(real: Path) -> str:
    return f".{real.name}.relay-"
