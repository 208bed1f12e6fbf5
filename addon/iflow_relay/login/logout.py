"""The end of a login: what it wrote goes, all else stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from .. import mark
from ..jsonedit import GONE
from ..settings import MAX_FILE, parse_document
from ..settings_file import Written, change_settings
from ..store import COMPANIONS

_KEYS: Final = ("apiKey", "searchApiKey")


class LoggedOut(NamedTuple):
    """Names of the members that went; in sentences what still gives a key; what was written."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    written: Written | None


def log_out(path: Path) -> LoggedOut:
    """Remove from settings.json what a login of ours wrote and is still as it wrote it.

    Nothing is written where there is nothing of the kind. Raises SettingsDamaged and
    SettingsNotWritten.
    """
    removed: tuple[str, ...] = ()

    def change(document: Mapping[str, Any]) -> Mapping[str, object]:
        nonlocal removed
        ours = mark.ours(document)
        removed = tuple(name for name in document if name in ours)
        return dict.fromkeys((*removed, mark.MEMBER), GONE) if removed else {}

    written = change_settings(path, change) if path.exists() else None
    return LoggedOut(removed, find_keys(path), written if removed else None)


def find_keys(path: Path) -> tuple[str, ...]:
    """In sentences the files in which there is a key that a relay would use."""
    places = [(path.name, name) for name in _KEYS] + list(COMPANIONS)
    return tuple(
        f"{path.with_name(file)} has a key ({member}) that no login of ours wrote: it stays."
        for file, member in places
        if _has_text(path.with_name(file), member)
    )


def _has_text(path: Path, member: str) -> bool:
    try:
        with path.open("rb") as file:
            value = parse_document(file.read(MAX_FILE)).get(member)
    except (OSError, ValueError):
        return False
    return isinstance(value, str) and bool(value.strip())
