"""Trust stores of Linux systems: a folder for additional authorities, and a program that reads it.

Sources: update-ca-certificates(8) of Debian and SUSE, update-ca-trust(8) of Red Hat, trust(1).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from .authority import Authority
from .machine import Machine
from .pem import parse_certificates
from .steps import Copy, Remove, Run, Step
from .store import OUR_NAME, Found, Trust


class Family(NamedTuple):
    """How a family of systems does it; paths from the root."""

    name: str
    folder: str
    suffix: str
    bundle: str
    """The file that the program writes, which programs read."""
    refresh: tuple[str, ...]
    clean: tuple[str, ...]
    """The same after a file has gone."""


# Without --fresh, Debian leaves links behind to a certificate that has gone.
_DEBIAN = ("update-ca-certificates",)
_RED_HAT = ("update-ca-trust", "extract")
_ARCH = ("trust", "extract-compat")

FAMILIES: Final = (
    Family(
        "debian",  # and Alpine
        "usr/local/share/ca-certificates",
        ".crt",
        "etc/ssl/certs/ca-certificates.crt",
        _DEBIAN,
        (*_DEBIAN, "--fresh"),
    ),
    Family(
        "red-hat",
        "etc/pki/ca-trust/source/anchors",
        ".pem",
        "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        _RED_HAT,
        _RED_HAT,
    ),
    Family(
        "suse",
        "etc/pki/trust/anchors",
        ".pem",
        "var/lib/ca-certificates/ca-bundle.pem",
        _DEBIAN,
        _DEBIAN,
    ),
    Family(
        "arch",
        # Not `trust anchor --store`: that names the file after the subject, which is mitmproxy's.
        "etc/ca-certificates/trust-source/anchors",
        ".crt",
        "etc/ca-certificates/extracted/tls-ca-bundle.pem",
        _ARCH,
        _ARCH,
    ),
)


@dataclass(frozen=True)
class AnchorFolder:
    """The store of one Linux system."""

    family: Family
    machine: Machine

    needs_root = True

    @property
    def name(self) -> str:
        """The family's name."""
        return self.family.name

    @property
    def file(self) -> Path:
        """The file that is ours in it."""
        return self.machine.root / self.family.folder / f"{OUR_NAME}{self.family.suffix}"

    @property
    def place(self) -> str:
        """The file that is ours in it."""
        return str(self.file)

    @property
    def present(self) -> bool:
        """The folder comes with the program."""
        return os.path.isdir(self.file.parent)

    def lacks(self) -> str:
        """The program that reads the folder."""
        program = self.family.refresh[0]
        return "" if self.machine.find(program) else f"{program} is not installed"

    def look(self, authority: Authority | None) -> Found:
        """Whether it is in the bundle that the program wrote."""
        ours = os.path.lexists(self.file)
        if authority and authority.der in _read(self.machine.root / self.family.bundle):
            return Found(Trust.YES, ours)
        is_this = authority is not None and authority.der in _read(self.file)
        return Found(Trust.ANOTHER if ours and not is_this else Trust.NO, ours)

    def install(self, authority: Authority, found: Found) -> list[Step]:
        """Put the file there and have it read."""
        return [Copy(authority.certificate, self.file), Run(self.family.refresh)]

    def uninstall(self, found: Found) -> list[Step]:
        """Take the file away and have that noticed."""
        return [Remove(self.file), Run(self.family.clean)] if found.ours else []


def _read(path: Path) -> set[bytes]:
    try:
        return set(parse_certificates(path.read_bytes()))
    except OSError:
        return set()
