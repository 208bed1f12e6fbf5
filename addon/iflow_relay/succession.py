"""Puts a renewed key where the old one stood: in memory at once, and in the files.

An old refresh token is worth nothing once it was used. So what came after it is remembered, and a
file that still holds it (one that could not be written, or of which somebody saved an older state)
does not bring it back: it is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import mark
from .credential import Secret
from .jsonedit import GONE
from .tokens import CLI_FILE, Held, Tokens, cli_file_members, settings_members

Change = Callable[[Mapping[str, Any]], Mapping[str, object]]


class Successor(NamedTuple):
    """The key and the tokens that have come in the place of others."""

    key: Secret
    access: Secret
    tokens: Tokens


class Unwritten(NamedTuple):
    """What is in use, and what the file still holds."""

    old: Held
    successor: Successor


class Successors:
    """What renewals have put in the place of what."""

    def __init__(self) -> None:
        self._after: dict[tuple[Secret, Secret], Successor] = {}

    def add(self, old: Held, successor: Successor) -> None:
        """Remember what has come in the place of a key and its refresh token."""
        if _name(old) != _name(successor):
            self._after[_name(old)] = successor

    def latest(self, old: Held) -> Successor | None:
        """What is at the end of the line that begins here; None where nothing came after."""
        found: Successor | None = None
        name = _name(old)
        while name in self._after:
            found = self._after[name]
            name = _name(found)
        return found


def _name(held: Held | Successor) -> tuple[Secret, Secret]:
    return held.key, held.tokens.refresh


def write_successor(path: Path, old: Held, new: Successor) -> None:
    """Write what has come in the place of `old`, into the files that hold it and nowhere else.

    Raises SettingsNotWritten or SettingsDamaged; the file as it was is whole then.
    """
    from .settings_file import change_settings  # here, as most starts write nothing

    if new.tokens.place == CLI_FILE:
        # First, as it has the refresh token: settings.json alone would lead back to the old one.
        change_settings(path.with_name(CLI_FILE), _in_cli_file(old, new))
        change_settings(path, _key_alone(old, new))
    else:
        change_settings(path, _in_settings(old, new))


def _in_settings(old: Held, new: Successor) -> Change:
    def change(document: Mapping[str, Any]) -> Mapping[str, object]:
        if not _is(document.get("oauth_refresh_token"), old.tokens.refresh):
            return {}  # somebody has logged in meanwhile
        members = _members(settings_members, new)
        del members["apiKey"]
        return _marked(document, members | _keys(document, old, new))

    return change


def _in_cli_file(old: Held, new: Successor) -> Change:
    def change(document: Mapping[str, Any]) -> Mapping[str, object]:
        same = _is(document.get("refresh_token"), old.tokens.refresh)
        return _members(cli_file_members, new) if same else {}

    return change


def _key_alone(old: Held, new: Successor) -> Change:
    return lambda document: _marked(document, _keys(document, old, new))


def _members(
    render: Callable[[Secret, Secret, Secret, float | None], dict[str, object]], new: Successor
) -> dict[str, object]:
    return render(new.key, new.access, new.tokens.refresh, new.tokens.expires)


def _keys(document: Mapping[str, Any], old: Held, new: Successor) -> dict[str, object]:
    """The members that hold the old key; what somebody else has put there stays."""
    names = ("apiKey", "searchApiKey")
    return {name: new.key.reveal() for name in names if _is(document.get(name), old.key)}


def _marked(document: Mapping[str, Any], members: dict[str, object]) -> dict[str, object]:
    """The members, with the mark of a login of ours renewed for those that it wrote."""
    theirs = document.get(mark.MEMBER)
    ours = {name: value for name, value in members.items() if name in mark.ours(document)}
    if not isinstance(theirs, dict) or not ours:
        return members
    kept = {name: print_ for name, print_ in theirs.items() if members.get(name) is not GONE}
    return members | {mark.MEMBER: kept | mark.mark(ours)}


def _is(value: object, secret: Secret) -> bool:
    return isinstance(value, str) and secret.matches(value.strip())
