"""What a shell held before `env` set its variables, kept in further variables of the same shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .environment import VARIABLES

SET: Final = "IFLOW_RELAY_SET"
"""Names the variables that were set."""

OLD: Final = "IFLOW_RELAY_OLD_"
"""Begins the name of a variable that keeps the value of another."""


def restored(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before `env`; the same where there was none."""
    ours = _names(environ)
    kept = {n: v for n, v in environ.items() if n not in ours and not _is_note(n)}
    return kept | {name: environ[OLD + name] for name in ours if OLD + name in environ}


def remembering(before: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """The variables to set, together with those that keep what they hide."""
    old = {OLD + name: before[name] for name in variables if name in before}
    return {**variables, **old, SET: ",".join(variables)}


def changes(environ: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    """What makes a shell with `environ` have what is wanted, and nothing older of ours.

    A value of None means that the variable is to go.
    """
    before = restored(environ)
    touched = (*wanted, *_names(environ), *filter(_is_note, environ))
    return {name: wanted.get(name, before.get(name)) for name in dict.fromkeys(touched)}


def _names(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that `env` set, and no others whatever stands there: they end up in a shell."""
    names = environ.get(SET, "").split(",")
    return tuple(name for name in VARIABLES if name in names)


def _is_note(name: str) -> bool:
    return name == SET or name.startswith(OLD)
