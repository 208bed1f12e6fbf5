"""The credential files on disk: read when they change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from . import tokens
from .files import read_file, short_path
from .settings import Sourced, parse_document, parse_settings
from .tokens import CLI_FILE, Tokens

COMPANIONS: Final = ((CLI_FILE, "apiKey"), ("iflow_accounts.json", "iflowApiKey"))
"""Further files that the CLI writes beside settings.json, and where each keeps a key."""

Signature = tuple[tuple[int, int, int] | None, ...]


class Stored(NamedTuple):
    """What the files say; `present` tells whether there is a settings.json at all."""

    present: bool
    api_key: Sourced | None = None
    base_url: Sourced | None = None
    model: Sourced | None = None
    tokens: Tokens | None = None
    """What renews the key, where it came by OAuth."""


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
        name = short_path(self.path)
        self.needs_companions = True
        if data is None:
            key, renews = self._companion_key()
            return Stored(False, key, tokens=renews)
        try:
            settings = parse_settings(data, self._environ)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        document = parse_document(data)
        key = _sourced(settings.api_key, f"{name} apiKey")
        key = key or _sourced(settings.search_api_key, f"{name} searchApiKey")
        renews = tokens.read_settings(document) if key else None
        by_cli = renews is None and document.get("selectedAuthType") == tokens.AUTH_TYPE
        self.needs_companions = key is None or by_cli
        if self.needs_companions:
            # Where the CLI has logged in by OAuth its own file goes before (its own rule).
            theirs, renews = self._companion_key()
            key = theirs if key is None or renews else key
        return Stored(
            True,
            key,
            _sourced(settings.base_url, f"{name} baseUrl"),
            _sourced(settings.model_name, f"{name} modelName"),
            renews,
        )

    def _companion_key(self) -> tuple[Sourced | None, Tokens | None]:
        for filename, field in COMPANIONS:
            document = self._companion(filename)
            value = document.get(field)
            if isinstance(value, str) and value.strip():
                origin = f"{short_path(self.path.with_name(filename))} {field}"
                renews = tokens.read_cli_file(document) if filename == CLI_FILE else None
                return Sourced(value.strip(), origin), renews
        return None, None

    def _companion(self, filename: str) -> dict[str, Any]:
        try:
            return parse_document(_read(self.path.with_name(filename)) or b"{}")
        except ValueError:
            # A companion is the CLI's private notebook: one that is damaged holds nothing.
            return {}


def _read(path: Path) -> bytes | None:
    """The file's bytes, None where there is no file; raises ValueError in words."""
    try:
        return read_file(path)
    except OSError as error:
        raise ValueError(f"{short_path(path)} cannot be read: {error.strerror}") from error


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _sourced(value: str | None, origin: str) -> Sourced | None:
    return Sourced(value, origin) if value else None
