"""Which desktops' settings are on this machine: often there is more than one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial

from . import gnome, kde, macos, windows
from .desktop import Desktop
from .programs import run


def find_desktops(environ: Mapping[str, str]) -> list[Desktop]:
    """All that are here, also those that are not in use; raises ProgramFailed."""
    which = partial(shutil.which, path=environ.get("PATH"))
    return [
        desktop
        for known in (gnome, kde, macos, windows)
        for desktop in known.find(run, environ, which)
    ]
