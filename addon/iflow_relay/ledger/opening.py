"""Opens the ledger for writing, makes it where there is none, and moves a damaged one aside.

Rules:
1. A file that another program or a newer version has written is not touched.
2. A file is known by its inode, not by its name: whoever holds one that was moved or deleted is
   told so, and opens what has come in its place.
3. Only one relay at a time moves a damaged file, and only the very file that it found damaged.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import short_path
from .complaints import is_busy
from .schema import check_version, migrate
from .values import LedgerError

if TYPE_CHECKING:
    import sqlite3

PATIENCE = 1.0
"""Seconds for which a file that somebody has locked is tried before that is a trouble."""

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a file."""

Identity = tuple[int, int]


def create_ledger(path: Path) -> Identity | None:
    """See to it that there is a file, and say which; nobody else may read one that is made here.

    Raises LedgerError where it must be left alone, OSError where it cannot be had.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LedgerError("it is no file: name another with iflow_ledger") from None
    for suffix in ("", *SIDE_FILES):
        # SQLite would open it all the same, and put files beside it that stay as read-only.
        if os.path.exists(side := f"{path}{suffix}") and not os.access(side, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), side)
    return identify(path)


def open_ledger(path: Path) -> sqlite3.Connection:
    """Open the ledger in this thread; raises LedgerError where it must be left alone.

    Raises sqlite3.Error where it cannot be had now.
    """
    import sqlite3

    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        # SQLite deletes its log by name: at the end of a file that was moved away meanwhile, that
        # would be the log of the one in its place, with all that is not in the file yet.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        check_version(connection)
        _use_wal(connection)
        # What was committed survives the end of the process, not always that of the machine.
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def identify(path: Path) -> Identity | None:
    """Which file bears the name now; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def move_aside(path: Path, damaged: Identity | None) -> Path | None:
    """Give the damaged file another name, which is returned; None where somebody else has done so.

    Raises OSError where that cannot be done.
    """
    with _lock(path):
        if identify(path) != damaged:
            return None
        aside = _free_name(path)
        # The file itself last, so that it is found damaged again should this end in between.
        for suffix in (*SIDE_FILES, ""):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        return aside


def _use_wal(connection: sqlite3.Connection) -> None:
    """Have readers and a writer not wait for each other, where the file system lets that be."""
    import sqlite3

    end = time.monotonic() + PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here for another relay that does the same.
            if not is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    import filelock  # here, as hardly any start needs it

    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=0.01)
    except filelock.Timeout as error:
        raise OSError(f"another program holds the lock of {short_path(path)}") from error
    try:
        yield
    finally:
        lock.release()


def _free_name(path: Path) -> Path:
    name = f"{path.name}.damaged-{datetime.now():%Y-%m-%d}"
    names = (name if not n else f"{name}-{n}" for n in range(1000))
    return next(aside for n in names if not (aside := path.with_name(n)).exists())
