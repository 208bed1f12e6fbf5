"""The credential files on disk: read when they change, never written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from .settings import MAX_FILE, Sourced, parse_document, parse_settings

COMPANIONS: Final = (("oauth_creds.json", "apiKey"), ("iflow_accounts.json", "iflowApiKey"))
"""Further files that the CLI writes beside settings.json, and where each keeps a key."""

Signature = tuple[tuple[int, int, int] | None, ...]


class Stored(NamedTuple):
    """What the files say; `present` tells whether there is a settings.json at all."""

    present: bool
    api_key: Sourced | None = None
    base_url: Sourced | None = None
    model: Sourced | None = None


class CredentialStore:
    """settings.json and its companions in one folder."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self._environ = environ
        self.needs_companions = True
        self._files = tuple(str(path.with_name(name)) for name in (path.name, *dict(COMPANIONS)))

    def signature(self) -> Signature:
        """What changes when a file does that matters: one `stat` a file, no reading."""
        return tuple(map(_stat, self._files if self.needs_companions else self._files[:1]))

    def load(self) -> Stored:
        """Read the files; raises ValueError in words if settings.json is there but unusable."""
        data = _read(self.path)
        name = _short(self.path)
        self.needs_companions = True
        if data is None:
            return Stored(False, self._companion_key())
        try:
            settings = parse_settings(data, self._environ)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        self.needs_companions = not (settings.api_key or settings.search_api_key)
        return Stored(
            True,
            _sourced(settings.api_key, f"{name} apiKey")
            or _sourced(settings.search_api_key, f"{name} searchApiKey")
            or self._companion_key(),
            _sourced(settings.base_url, f"{name} baseUrl"),
            _sourced(settings.model_name, f"{name} modelName"),
        )

    def _companion_key(self) -> Sourced | None:
        for filename, field in COMPANIONS:
            path = self.path.with_name(filename)
            try:
                value = parse_document(_read(path) or b"{}").get(field)
            except ValueError:
                # A companion is the CLI's private notebook: one that is damaged is no key.
                continue
            if isinstance(value, str) and value.strip():
                return Sourced(value.strip(), f"{_short(path)} {field}")
        return None


def _read(path: Path) -> bytes | None:
    """The file's bytes, None where there is no file; raises ValueError in words."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        raise ValueError(f"{_short(path)} is a folder, not a file") from None
    except OSError as error:
        raise ValueError(f"{_short(path)} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise ValueError(f"{_short(path)} is larger than {MAX_FILE >> 20} MB: it is another file")
    return data


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _sourced(value: str | None, origin: str) -> Sourced | None:
    return Sourced(value, origin) if value else None


def _short(path: Path) -> str:
    """The path as its owner writes it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
