"""NSS databases, where Firefox, and on Linux Chromium, keep what they trust beyond their own list.

They are read and changed by NSS's certutil. A nickname may stand for several certificates, of
which `-D` deletes one; a certificate that is there already keeps the nickname that it has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .authority import Authority
from .machine import PATIENCE, Machine, Outcome
from .pem import parse_certificates
from .steps import MakeFolder, Run, Step
from .store import OUR_NAME, Found, Trust

_ROW = re.compile(r"^(\S.*?) +([A-Za-z]*),[A-Za-z]*,[A-Za-z]*\s*$", re.MULTILINE)


class Entry(NamedTuple):
    """A line of the database's list."""

    nickname: str
    trusted: bool
    """Whether it may sign for servers."""


def parse_list(text: str) -> list[Entry]:
    """Read what `certutil -L` prints."""
    return [Entry(nickname, "C" in flags) for nickname, flags in _ROW.findall(text)]


@dataclass(frozen=True)
class NssDatabase:
    """One database, which is a folder; Chromium's may have to be made."""

    name: str
    folder: Path
    machine: Machine
    present: bool = True

    needs_root = False

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def lacks(self) -> str:
        """The tool, which few systems have from the start."""
        if self.machine.find("certutil"):
            return ""
        return (
            "certutil is not installed; it comes with libnss3-tools (Debian), "
            "nss-tools (Red Hat), nss (Arch, Homebrew) or mozilla-nss-tools (SUSE)"
        )

    def look(self, authority: Authority | None) -> Found:
        """Whether it is there and trusted, under any name."""
        if not is_database(self.folder):
            return Found(Trust.NO)
        listed = self._ask("-L")
        if listed.status:
            return Found(Trust.UNKNOWN, note=self.lacks() or listed.why)
        entries = parse_list(listed.out)
        ours = sum(entry.nickname == OUR_NAME for entry in entries)
        if authority is None:
            return Found(Trust.ANOTHER if ours else Trust.NO, ours)
        trusted = dict.fromkeys(entry.nickname for entry in entries if entry.trusted)
        if any(authority.der in self._certificates(nickname) for nickname in trusted):
            return Found(Trust.YES, ours)
        is_other = set(self._certificates(OUR_NAME)) - {authority.der} if ours else set()
        return Found(Trust.ANOTHER if is_other else Trust.NO, ours)

    def install(self, authority: Authority, found: Found) -> list[Step]:
        """Make the database where there is none, take ours of before out, put this one in."""
        add = ("-A", "-t", "C,,", "-n", OUR_NAME, "-i", str(authority.certificate))
        return [*self._make(), *self.uninstall(found), self._run(*add)]

    def uninstall(self, found: Found) -> list[Step]:
        """Delete what bears our name, one by one."""
        return [self._run("-D", "-n", OUR_NAME)] * found.ours

    def _make(self) -> Iterator[Step]:
        if not is_database(self.folder):
            yield MakeFolder(self.folder)
            yield self._run("-N", "--empty-password")

    def _certificates(self, nickname: str) -> list[bytes]:
        return list(parse_certificates(self._ask("-L", "-n", nickname, "-a").out.encode()))

    def _ask(self, *arguments: str) -> Outcome:
        return self.machine.run(self._run(*arguments).command, PATIENCE)

    def _run(self, *arguments: str) -> Run:
        return Run(("certutil", "-d", f"sql:{self.folder}", *arguments))


def is_database(folder: Path) -> bool:
    """Whether there is one in the folder."""
    return os.path.isfile(folder / "cert9.db")
