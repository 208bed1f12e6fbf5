"""The files for the variables that name certificates: what was trusted before, and the relay's."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from .environment import ADDING, Source, read_sources
from .trust.bundle import system_bundle, write_added, write_merged
from .trust.pem import parse_certificates, render_certificate

_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""How certificates are named in a folder; OpenSSL looks for no others."""


class Trust(NamedTuple):
    """The file for each variable, and what is to be said about those that were set before."""

    files: dict[str, Path]
    complaints: tuple[str, ...]


def make_trust(folder: Path, before: Mapping[str, str], authority: Path) -> Trust:
    """Write the files into `folder`; `authority` is the relay's certificate. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    complaints: list[str] = []
    # Without the environment: SSL_CERT_FILE is not what git or requests go by.
    system = system_bundle({})
    files = {}
    made: dict[tuple[Path, ...], Path] = {}
    for name, source in read_sources(_with_git(before)).items():
        paths = _find(source, system, complaints)
        if paths not in made:
            made[paths] = write_merged(folder, _join(folder, paths), authority)
        files[name] = made[paths]
    for name in ADDING:
        files[name] = write_added(folder, _named(name, before.get(name), complaints), authority)
    return Trust(files, tuple(dict.fromkeys(complaints)))


def _find(source: Source, system: Path | None, complaints: list[str]) -> tuple[Path, ...]:
    """The files and folders of a source that are there; none for Windows' own list."""
    first = _named(source.name, source.path, complaints) or system
    return (first, *(p for p in map(Path, source.folders) if p.is_dir())) if first else ()


def _named(name: str | None, value: str | None, complaints: list[str]) -> Path | None:
    """The file or folder that was named, if it is there to be read."""
    if not value:
        return None
    path = Path(value)
    if (path.is_file() or path.is_dir()) and os.access(path, os.R_OK):
        return path
    rest = "" if name in ADDING else ": the system's bundle is used"
    complaints.append(f"{name} names {value}, which cannot be read{rest}")
    return None


def _join(folder: Path, paths: Sequence[Path]) -> Path | None:
    """One file that holds the certificates of all, each once."""
    if len(paths) < 2 and not any(path.is_dir() for path in paths):
        return paths[0] if paths else None
    files = [file for path in paths for file in _files(path)]
    found = dict.fromkeys(der for file in files for der in parse_certificates(file.read_bytes()))
    data = b"".join(map(render_certificate, found))
    joined = folder / f"joined-{hashlib.sha256(data).hexdigest()[:8]}.pem"
    joined.write_bytes(data)
    return joined


def _files(path: Path) -> list[Path]:
    """The file itself, or those in a folder that OpenSSL finds there."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.iterdir()) if _HASHED.fullmatch(file.name)]


def _with_git(before: Mapping[str, str]) -> dict[str, str]:
    """The environment together with the bundle that git is set to use, under git's name for it."""
    command = ["git", "config", "--type=path", "--get", "http.sslCAInfo"]
    try:
        found = subprocess.run(  # noqa: S603 - the user's own git, asked for one setting
            command,
            env=dict(before),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return dict(before)
    return {**before, "http.sslCAInfo": found.stdout.strip()}
