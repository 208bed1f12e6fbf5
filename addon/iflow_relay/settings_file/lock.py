"""A lock across processes and threads, on a file beside the one that it is about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import SettingsNotWritten
from ..files import give_file, short_path
from .place import in_words, make_folder, where


@contextlib.contextmanager
def hold(path: Path, what: str, *, patience: float = 10.0) -> Iterator[None]:
    """Hold the lock of this name beside the file, which need not be there; not to be nested.

    Raises SettingsNotWritten where it cannot be had within `patience` seconds, or not be made.
    """
    import filelock  # here, as most starts write nothing

    real, _ = where(path)
    name = f".{real.name}.lock" if what == "settings" else f".{real.name}.{what}.lock"
    # One of its own each time, so that threads wait for each other as processes do.
    lock = filelock.FileLock(real.with_name(name), mode=0o600, thread_local=False)
    with in_words(real):
        make_folder(real.parent)
        try:
            lock.acquire(timeout=patience, poll_interval=0.01)
        except filelock.Timeout as error:
            raise SettingsNotWritten(
                f"{short_path(real)} is in use: another program has held its lock for "
                f"{patience:.0f} s. Nothing was written; try again."
            ) from error
    try:
        # What root has made in a user's folder would else lock the user out.
        give_file(real.with_name(name), real.parent)
        yield
    finally:
        lock.release()
