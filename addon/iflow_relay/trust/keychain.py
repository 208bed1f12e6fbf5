"""The stores of macOS and Windows, which know a certificate by its SHA-1 and give it no name.

So we keep a copy of the one that we put there: what has no copy was put there by somebody else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from .authority import Authority, find_sha1
from .machine import PATIENCE, Machine
from .pem import parse_certificates
from .steps import Copy, Remove, Run, Step
from .store import Found, Trust


@dataclass(frozen=True)
class NamelessStore(ABC):
    """A store of the user's, changed by one program of the system's."""

    machine: Machine

    name = ""
    platform = ""
    needs_root = False

    @property
    def present(self) -> bool:
        """Every such system has one."""
        return self.machine.platform == self.platform

    @property
    @abstractmethod
    def place(self) -> str:
        """What the system calls it."""

    @property
    def copy(self) -> Path:
        """The certificate that we put there."""
        return self.machine.state / "trusted" / f"{self.name}.pem"

    def lacks(self) -> str:
        """The program belongs to the system."""
        return ""

    def look(self, authority: Authority | None) -> Found:
        """Whether it trusts the authority, and whether what we put there still is."""
        ours = self._read_copy()
        if authority and self._trusts(authority):
            return Found(Trust.YES, ours is not None)
        stale = ours is not None and self._has(find_sha1(ours))
        return Found(Trust.ANOTHER if stale else Trust.NO, ours is not None)

    def install(self, authority: Authority, found: Found) -> list[Step]:
        """Take ours of before out, put this one in, and keep a copy."""
        add = Run(self._add(authority.certificate))
        return [*self.uninstall(found), add, Copy(authority.certificate, self.copy)]

    def uninstall(self, found: Found) -> list[Step]:
        """Take out the one that we have a copy of, if it is still there."""
        ours = self._read_copy()
        if ours is None:
            return []
        sha1 = find_sha1(ours)
        return [*([Run(self._delete(sha1))] if self._has(sha1) else []), Remove(self.copy)]

    def _read_copy(self) -> bytes | None:
        try:
            return next(parse_certificates(self.copy.read_bytes()), None)
        except OSError:
            return None

    def _succeeds(self, *command: str) -> bool:
        return self.machine.run(command, PATIENCE).status == 0

    @abstractmethod
    def _trusts(self, authority: Authority) -> bool: ...

    @abstractmethod
    def _has(self, sha1: str) -> bool: ...

    @abstractmethod
    def _add(self, certificate: Path) -> tuple[str, ...]: ...

    @abstractmethod
    def _delete(self, sha1: str) -> tuple[str, ...]: ...


class Keychain(NamelessStore):
    """The login keychain of macOS."""

    name = "macos"
    platform = "darwin"

    @property
    def place(self) -> str:
        """The keychain's file."""
        return str(self.machine.home / "Library/Keychains/login.keychain-db")

    def _trusts(self, authority: Authority) -> bool:
        # -L: without the network; -l: the certificate is an authority's.
        return self._succeeds(
            "security", "verify-cert", "-q", "-L", "-l", "-c", str(authority.certificate)
        )

    def _has(self, sha1: str) -> bool:
        command = ("security", "find-certificate", "-a", "-Z", self.place)
        return f"SHA-1 hash: {sha1}" in self.machine.run(command, PATIENCE).out

    def _add(self, certificate: Path) -> tuple[str, ...]:
        for_servers = ("-p", "ssl", "-p", "basic")
        where = ("-k", self.place, str(certificate))
        return ("security", "add-trusted-cert", "-r", "trustRoot", *for_servers, *where)

    def _delete(self, sha1: str) -> tuple[str, ...]:
        # -t: the trust in it too.
        return ("security", "delete-certificate", "-Z", sha1, "-t", self.place)


class WindowsStore(NamelessStore):
    """The root store of a Windows user."""

    name = "windows"
    platform = "win32"
    place = r"CurrentUser\Root"

    @property
    def _certutil(self) -> str:
        # With its path, because NSS has a program of that name too.
        folder = Path(self.machine.environ.get("SystemRoot", r"C:\Windows"))
        return str(folder / "System32" / "certutil.exe")

    def _trusts(self, authority: Authority) -> bool:
        return self._has(authority.sha1)

    def _has(self, sha1: str) -> bool:
        return self._succeeds(self._certutil, "-user", "-store", "Root", sha1)

    def _add(self, certificate: Path) -> tuple[str, ...]:
        return (self._certutil, "-user", "-addstore", "Root", str(certificate))

    def _delete(self, sha1: str) -> tuple[str, ...]:
        return (self._certutil, "-user", "-delstore", "Root", sha1)
