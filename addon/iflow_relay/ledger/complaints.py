"""What SQLite and the system say of a file, in words that tell what to do."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import short_path
from .values import LedgerError

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")

_WORDS: Sequence[tuple[Sequence[str], str]] = (
    (_DAMAGED, "it is damaged, or no ledger"),
    (_BUSY, "another program holds it locked: close that program"),
    (("SQLITE_FULL",), "the disk is full: free some space"),
    (("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"), "it cannot be written: give yourself write "
     "access to the file and its folder"),
    (("SQLITE_CANTOPEN",), "it cannot be opened: look at who may use the file and its folder"),
    (("SQLITE_IOERR",), "the disk reports an error: look at whether it is full or failing"),
)  # fmt: skip


def explain(error: Exception, path: Path) -> LedgerError:
    """The error in words, with the file's name; a LedgerError gets that name only."""
    return LedgerError(f"The ledger {short_path(path)} cannot be used: {_reason(error)}.")


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault, so that no patience helps."""
    return _name(error).startswith(_DAMAGED)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else has the file at this moment."""
    return _name(error).startswith(_BUSY)


def warn(text: str) -> None:
    """Log a warning from the ledger's thread, which may live a moment longer than the log."""
    with contextlib.suppress(RuntimeError):
        logger.warning("%s", text)


def inform(text: str) -> None:
    """The same for good news."""
    with contextlib.suppress(RuntimeError):
        logger.info("%s", text)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{_with_name(error)}: look at who may use the file and its folder"
    name = _name(error)
    found = (words for names, words in _WORDS if name.startswith(tuple(names)))
    return next(found, str(error) or type(error).__name__)


def _with_name(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    return f"{short_path(Path(os.fsdecode(error.filename)))}: {said}" if error.filename else said


def _name(error: Exception) -> str:
    """SQLite's name for the error, like `SQLITE_FULL`; empty for any other."""
    return str(getattr(error, "sqlite_errorname", ""))
