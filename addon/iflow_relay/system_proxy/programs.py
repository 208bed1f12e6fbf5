"""The system's own programs, and what they say when they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from .desktop import SystemProxyError

PATIENCE = 20.0
"""Seconds that a program may take: macOS may ask its user for a password first."""

UTF8 = {"LC_ALL": "C.UTF-8", "CHARSET": "UTF-8"}
"""In another locale gsettings prints `?` for a letter it has no code for: that puts nothing back.

GLib takes CHARSET where the system has no C.UTF-8.
"""


class ProgramFailed(SystemProxyError):
    """A program of the system could not do what it was asked to."""


def run(argv: Sequence[str]) -> str:
    """What the program printed; raises ProgramFailed with its own words."""
    try:
        # Names and arguments are this package's own, or values that the same programs gave.
        ended = subprocess.run(  # noqa: S603
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **UTF8},
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"{argv[0]} did not end within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise ProgramFailed(f"{argv[0]} cannot be run: {error.strerror}") from error
    if ended.returncode:
        # networksetup complains on stdout.
        said = (ended.stderr.strip() or ended.stdout.strip()).decode("utf-8", "replace")
        why = " ".join(said.split()) or f"exit status {ended.returncode}"
        raise ProgramFailed(f"{argv[0]}: {why}")
    return _decode(argv[0], ended.stdout)


def _decode(program: str, printed: bytes) -> str:
    try:
        return printed.decode("oem" if sys.platform == "win32" else "utf-8")
    except UnicodeDecodeError:
        raise ProgramFailed(
            f"{program} printed what is not UTF-8: that could not be put back exactly"
        ) from None
