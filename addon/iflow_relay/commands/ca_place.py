"""Which authority `iflow-relay ca` is about, and on which machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from ..trust.authority import Authority, AuthorityError, read_authority, secure_key
from ..trust.machine import Machine
from ..trust.places import list_stores
from ..trust.store import Store


@dataclass(frozen=True)
class Place:
    """The authority of a folder, on a machine."""

    machine: Machine
    folder: Path

    def load(self) -> Authority:
        """The authority, made where there is none; ends the command where it is no good."""
        from ..mitm.authority import load_authority

        try:
            authority = load_authority(self.folder)
            self._secure()
        except AuthorityError as error:
            raise click.ClickException(str(error)) from error
        return authority

    def read(self) -> tuple[Authority | None, str | None]:
        """The authority, or what is wrong with it."""
        try:
            self._secure()
            return read_authority(self.folder), None
        except AuthorityError as error:
            return None, str(error)

    def stores(self, names: Iterable[str]) -> list[Store]:
        """The stores of these names that are here; ends the command where there are none."""
        stores = list_stores(self.machine, names)
        found = [store for store in stores if store.present]
        if not found:
            places = ", ".join(f"{store.name} ({store.place})" for store in stores)
            raise click.ClickException(f"There is no such store here: {places or ', '.join(names)}")
        return found

    def _secure(self) -> None:
        """Keep the key from others, and say so where that took a change."""
        for path in secure_key(self.folder):
            click.echo(f"Others could read the key in {path}: its mode is 0600 now.", err=True)


def find_place(machine: Machine, confdir: Path | None) -> Place:
    """The folder that was named, else mitmproxy's own; ends the command where that is root's."""
    if confdir is None:
        _refuse_sudo(machine)
    folder = (confdir or machine.home / ".mitmproxy").expanduser().absolute()
    return Place(machine, folder)


def _refuse_sudo(machine: Machine) -> None:
    """Under sudo ~ is mostly root's, and so is the authority in it."""
    user = machine.environ.get("SUDO_USER")
    theirs = Path(f"~{user}").expanduser() if user else machine.home
    if machine.is_root and theirs != machine.home:
        raise click.ClickException(
            f"Under sudo this would be root's authority, not {user}'s. Name the folder: "
            f"`iflow-relay ca --confdir {theirs / '.mitmproxy'} …`; or go without sudo, and run "
            "the lines that are printed"
        )
