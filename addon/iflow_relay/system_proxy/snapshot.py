"""What was set before, in a file: written before anything is changed, gone once it is put back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from ..files import replace_file
from .desktop import SystemProxyError, Values
from .owner import Owner


class SnapshotError(SystemProxyError):
    """The snapshot cannot be kept."""


class Entry(BaseModel):
    """One desktop: its values before, and each PAC address that it was set to since."""

    model_config = ConfigDict(frozen=True)

    before: Values
    urls: tuple[str, ...]


class Snapshot(BaseModel):
    """All that is needed to put everything back; `owner` is the relay that it was set for."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
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
        return Loaded(Snapshot.model_validate_json(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return Loaded(None)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return Loaded(
            None, _move_aside(path, f"{place}: {first['msg']}" if place else first["msg"])
        )
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
        replace_file(path, snapshot.model_dump_json(indent=2).encode())
    except OSError as error:
        raise SnapshotError(f"{path} cannot be written: {error.strerror}") from error


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
