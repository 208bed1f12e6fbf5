"""What was set before, in a file: written before anything is changed, gone once it is put back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import platformdirs

from ..files import replace_file
from ..jsontext import name_kind, parse_document
from .desktop import SystemProxyError, Values
from .owner import Owner


class SnapshotError(SystemProxyError):
    """The snapshot cannot be kept."""


VERSION: Final = 1


class Entry(NamedTuple):
    """One desktop: its values before, and each PAC address that it was set to since."""

    before: Values
    urls: tuple[str, ...]


class Snapshot(NamedTuple):
    """All that is needed to put everything back; `owner` is the relay that it was set for."""

    when: str
    owner: Owner | None
    url: str
    desktops: dict[str, Entry]


class Loaded(NamedTuple):
    """The snapshot, None where there is none; `problem` says that there was one, but damaged."""

    snapshot: Snapshot | None
    problem: str | None = None


def make_snapshot(url: str, owner: Owner | None, desktops: dict[str, Entry]) -> Snapshot:
    """A snapshot of now."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Snapshot(when=when, owner=owner, url=url, desktops=desktops)


def find_path() -> Path:
    """Where the snapshot is."""
    return platformdirs.user_state_path("iflow-relay") / "system-proxy.json"


def load() -> Loaded:
    """Read the snapshot; one that is damaged is moved aside. Raises SnapshotError."""
    path = find_path()
    try:
        return Loaded(parse_snapshot(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return Loaded(None)
    except ValueError as error:
        return Loaded(None, _move_aside(path, str(error)))
    except OSError as error:
        return Loaded(None, _move_aside(path, str(error.strerror)))


def save(snapshot: Snapshot) -> None:
    """Replace the snapshot, or remove it where nothing is left to put back."""
    path = find_path()
    try:
        if not snapshot.desktops:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, render_snapshot(snapshot))
    except OSError as error:
        raise SnapshotError(f"{path} cannot be written: {error.strerror}") from error


def render_snapshot(snapshot: Snapshot) -> bytes:
    """The file's JSON."""
    document = {
        "version": VERSION,
        **snapshot._asdict(),
        "owner": snapshot.owner and snapshot.owner._asdict(),
        "desktops": {name: entry._asdict() for name, entry in snapshot.desktops.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def parse_snapshot(data: bytes) -> Snapshot:
    """Read the file; raises ValueError that names what is wrong."""
    document = parse_document(data)
    if document.get("version") != VERSION:
        raise ValueError(f"version: {VERSION} is expected")
    owner = document.get("owner")
    desktops = _take(document, "desktops", dict)
    return Snapshot(
        _take(document, "when", str),
        None if owner is None else _read_owner(_take(document, "owner", dict)),
        _take(document, "url", str),
        {name: _read_entry(_take(desktops, name, dict)) for name in desktops},
    )


def _read_owner(document: Mapping[str, Any]) -> Owner:
    began = document.get("began")
    return Owner(_take(document, "pid", int), began and _take(document, "began", str))


def _read_entry(document: Mapping[str, Any]) -> Entry:
    before, urls = _take(document, "before", dict), _take(document, "urls", list)
    texts = [*urls, *(value for value in before.values() if value is not None)]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a value is no text")
    return Entry(before, tuple(urls))


def _take(document: Mapping[str, Any], name: str, kind: type) -> Any:
    """The member of that name; raises ValueError where it is missing or of another kind."""
    if name not in document:
        raise ValueError(f"{name} is missing")
    if not isinstance(document[name], kind) or isinstance(document[name], bool):
        raise ValueError(f"{name} is {name_kind(document[name])}")
    return document[name]


def _move_aside(path: Path, why: str) -> str:
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        raise SnapshotError(
            f"{path} is damaged ({why}) and cannot be moved aside: {error.strerror}"
        ) from error
    return (
        f"What the system proxy was before is not known: the file that said so is damaged ({why}). "
        f"It is now {aside}"
    )
