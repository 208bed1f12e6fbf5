"""The trust stores of a machine, and what is to be done to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from .anchors import FAMILIES, AnchorFolder
from .authority import Authority
from .browsers import find_chromium, find_firefox
from .keychain import Keychain, WindowsStore
from .machine import Machine
from .steps import Step
from .store import Found, Store, Trust

NAMES: Final = (
    *(family.name for family in FAMILIES),
    Keychain.name,
    WindowsStore.name,
    "chromium",
    "firefox",
)
"""What `--store` accepts."""


def list_stores(machine: Machine, names: Iterable[str] = ()) -> list[Store]:
    """The stores that a system of this kind may have, present or not; all without names."""
    wanted = set(names) or set(NAMES)
    return [store for store in _list_all(machine) if store.name in wanted]


def _list_all(machine: Machine) -> list[Store]:
    if machine.platform == "win32":
        return [WindowsStore(machine)]  # Firefox takes what is in it, too.
    browsers = [*find_chromium(machine), *find_firefox(machine)]
    if machine.platform == "darwin":
        return [Keychain(machine), *browsers]
    return [*(AnchorFolder(family, machine) for family in FAMILIES), *browsers]


class Change(NamedTuple):
    """What is to be done to one store."""

    store: Store
    found: Found
    steps: list[Step]
    obstacle: str = ""
    """Why it cannot be done here and now, in words."""
    by_hand: bool = False
    """Whether its lines work as root."""


def plan_install(machine: Machine, stores: Iterable[Store], authority: Authority) -> list[Change]:
    """What makes each store that is present trust the authority."""
    changes = []
    for store in filter(_is_present, stores):
        found = store.look(authority)
        steps = [] if found.trust is Trust.YES else store.install(authority, found)
        changes.append(_change(machine, store, found, steps))
    return changes


def plan_uninstall(
    machine: Machine, stores: Iterable[Store], authority: Authority | None
) -> list[Change]:
    """What takes away all that we put there, of whatever age."""
    changes = []
    for store in filter(_is_present, stores):
        found = store.look(authority)
        changes.append(_change(machine, store, found, store.uninstall(found)))
    return changes


def _is_present(store: Store) -> bool:
    return store.present


def _change(machine: Machine, store: Store, found: Found, steps: list[Step]) -> Change:
    if steps and (lacking := store.lacks()):
        return Change(store, found, steps, lacking)
    if steps and found.note:
        return Change(store, found, steps, found.note)
    if steps and store.needs_root and not machine.is_root:
        return Change(store, found, steps, "only root can change it", by_hand=True)
    return Change(store, found, steps)
