"""Text files within one folder, for an agent that asks for them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

MAX_READ: Final = 4 << 20
"""Bytes of a file that is read for an agent: more is no text that a model could take."""

MAX_WRITE: Final = 16 << 20


def read_text(path: Path, line: int | None, limit: int | None) -> str:
    """The file's text, from a line (the first is 1) on, so many lines; raises OSError, ValueError.

    Never waits for a pipe, nor follows a link that has come in the file's place.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        data = file.read(MAX_READ + 1)
    if len(data) > MAX_READ:
        raise ValueError(f"it is larger than {MAX_READ >> 20} MB")
    text = data.decode("utf-8", "replace")
    if line is None and limit is None:
        return text
    start = max(0, (line or 1) - 1)
    lines = text.split("\n")
    return "\n".join(lines[start : None if limit is None else start + limit])


def write_text(path: Path, text: str) -> None:
    """Write the file, and the folders it lies in; raises OSError, ValueError."""
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_WRITE:
        raise ValueError(f"it is larger than {MAX_WRITE >> 20} MB")
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
