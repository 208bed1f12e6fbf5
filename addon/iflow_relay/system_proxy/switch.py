"""Turns the system proxy on and off, and puts it back for a relay that did not.

The rules: what was there is written down before anything is changed; it is put back exactly; a
setting that somebody else changed in the meantime is theirs and stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from .desktop import Desktop, SystemProxyError, Values
from .here import find_desktops
from .owner import Owner, find_owner, is_alive
from .programs import ProgramFailed
from .snapshot import Entry, Snapshot, load, make_snapshot, save

AS_IT_WAS = "as it was"


class Outcome(NamedTuple):
    """How it went with one desktop."""

    desktop: str
    done: bool
    text: str


class Report(NamedTuple):
    """How it went; `problem` is what was wrong with the snapshot."""

    outcomes: tuple[Outcome, ...] = ()
    problem: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether all is as it was asked for."""
        return self.problem is None and all(outcome.done for outcome in self.outcomes)


def turn_on(url: str, owner_pid: int | None) -> Report:
    """Set every desktop to this PAC address, for the relay with this process id.

    No outcomes: there is no desktop. Raises SystemProxyError, with nothing changed.
    """
    known, problem = load()
    entries = dict(known.desktops) if known else {}
    present, failed = _read_all()
    if not present:
        return Report(failed, problem)
    for desktop, values in present:
        entries[desktop.name] = remember(desktop, entries.get(desktop.name), values, url)
    owner = find_owner(owner_pid) or Owner(pid=owner_pid) if owner_pid else None
    save(snapshot := make_snapshot(url, owner, entries))
    outcomes = tuple(_set(desktop, url) for desktop, _ in present)
    for (desktop, values), outcome in zip(present, outcomes, strict=True):
        if not outcome.done and _is_unchanged(desktop, values):
            del entries[desktop.name]
    save(snapshot._replace(desktops=entries))
    return Report(failed + outcomes, problem)


def turn_off() -> Report:
    """Put everything back; what does not succeed stays in the snapshot. Raises SystemProxyError."""
    snapshot, problem = load()
    return Report(_put_all_back(snapshot), problem) if snapshot else Report((), problem)


def recover() -> str | None:
    """Put back what a relay that was killed left set; the line that says so, never an exception."""
    return _restore_where(lambda owner: not is_alive(owner), "left by a relay that was killed")


def restore_if_owned(pid: int) -> str | None:
    """Put back what was set for this relay, which ends; the line that says so, no exception."""
    return _restore_where(lambda owner: owner.pid == pid and is_alive(owner), "set for this relay")


def remember(desktop: Desktop, entry: Entry | None, present: Values, url: str) -> Entry:
    """What to put back later: what would be put back now, and else what is there."""
    before = find_former(desktop, entry, present) if entry else None
    if entry is None or before is None:
        return Entry(before=present, urls=(url,))
    # A crash before the next write leaves an older address set: it is still known for ours.
    return Entry(before=before, urls=(*(u for u in entry.urls if u != url), url))


def find_former(desktop: Desktop, entry: Entry, present: Values) -> Values | None:
    """The values to put back; None where the address is not ours.

    Where somebody turned our address off by hand, it stays off.
    """
    for ours in map(desktop.wanted, entry.urls):
        if present[desktop.url_key] == ours[desktop.url_key]:
            return {
                name: entry.before.get(name) if value == ours[name] else value
                for name, value in present.items()
            }
    return None


def _read_all() -> tuple[list[tuple[Desktop, Values]], tuple[Outcome, ...]]:
    """The values of every desktop in use, and those that cannot be read."""
    present, failed = [], []
    for desktop in find_desktops(os.environ):
        if not desktop.in_use:
            continue
        try:
            present.append((desktop, desktop.read()))
        except ProgramFailed as error:
            failed.append(Outcome(desktop.name, False, str(error)))
    return present, tuple(failed)


def _set(desktop: Desktop, url: str) -> Outcome:
    try:
        desktop.write(url)
        _check(desktop, desktop.wanted(url))
    except ProgramFailed as error:
        return Outcome(desktop.name, False, str(error))
    return Outcome(desktop.name, True, f"set to {url}")


def _check(desktop: Desktop, wanted: Values) -> None:
    """Raise ProgramFailed where a setting did not take: gsettings says nothing without D-Bus."""
    if (present := desktop.read()) != wanted:
        raise ProgramFailed(
            f"the setting did not take ({desktop.describe(present)}). Is it locked, or is this not "
            "the desktop's own session?"
        )


def _is_unchanged(desktop: Desktop, values: Values) -> bool:
    try:
        return desktop.read() == values
    except ProgramFailed:
        return False


def _put_all_back(snapshot: Snapshot) -> tuple[Outcome, ...]:
    found = {desktop.name: desktop for desktop in find_desktops(os.environ)}
    outcomes = tuple(_put_back(found, *item) for item in snapshot.desktops.items())
    rest = {o.desktop: snapshot.desktops[o.desktop] for o in outcomes if not o.done}
    save(snapshot._replace(desktops=rest))
    return outcomes


def _put_back(found: dict[str, Desktop], name: str, entry: Entry) -> Outcome:
    desktop = found.get(name)
    if desktop is None:
        system = name.partition(":")[0]
        if any(other.partition(":")[0] == system for other in found):
            return Outcome(name, True, "is no longer there")
        return Outcome(name, False, "its programs are not here, so that it stays as it is")
    try:
        return _restore(desktop, entry)
    except ProgramFailed as error:
        return Outcome(name, False, str(error))


def _restore(desktop: Desktop, entry: Entry) -> Outcome:
    present = desktop.read()
    if present == entry.before:
        return Outcome(desktop.name, True, AS_IT_WAS)
    former = find_former(desktop, entry, present)
    if former is None:
        now = desktop.describe(present)
        return Outcome(desktop.name, True, f"left alone, as it was changed in the meantime: {now}")
    desktop.restore(former)
    _check(desktop, former)
    return Outcome(desktop.name, True, f"put back: {desktop.describe(former)}")


def _restore_where(applies: Callable[[Owner], bool], why: str) -> str | None:
    try:
        snapshot, problem = load()
        if not snapshot or not snapshot.owner or not applies(snapshot.owner):
            return problem
        outcomes = _put_all_back(snapshot)
    except SystemProxyError as error:
        return f"The system proxy cannot be put back: {error}"
    told = [f"{name} {text}" for name, _, text in outcomes if text != AS_IT_WAS]
    return f"System proxy, {why}: {'; '.join(told)}" if told else None
