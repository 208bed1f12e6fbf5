"""KDE's settings in kioslaverc, through the programs that read and write KDE's files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .desktop import Desktop, Run, Values, Which
from .programs import ProgramFailed

PLACE: Final = ("--file", "kioslaverc", "--group", "Proxy Settings", "--key")
TYPE: Final = "ProxyType"
SCRIPT: Final = "Proxy Config Script"
NOT_SET: Final = "(not set)"
WORDS: Final = {
    "0": "off",
    "1": "a proxy set by hand",
    "2": "automatic, no address",
    "3": "automatic, found by the network",
    "4": "from the environment",
}
RELOAD: Final = (
    *("dbus-send", "--type=signal", "/KIO/Scheduler"),
    *("org.kde.KIO.Scheduler.reparseSlaveConfiguration", "string:"),
)


def is_here(environ: Mapping[str, str], which: Which) -> bool:
    """Whether the programs of Plasma 6 or 5 are installed."""
    return _version(which) is not None


def find(run: Run, environ: Mapping[str, str], which: Which) -> list[Desktop]:
    """The settings, where there are any; both versions keep them in one file."""
    version = _version(which)
    return [Kde(run, version, which("dbus-send") is not None)] if version else []


@dataclass(frozen=True)
class Kde(Desktop):
    """The values are as in the file; `version` is that of the programs, 6 or 5."""

    run: Run
    version: str
    has_dbus: bool

    url_key = SCRIPT

    @property
    def name(self) -> str:
        """KDE, whichever Plasma it is."""
        return "KDE"

    def read(self) -> Values:
        """Kind of proxy and PAC address."""
        return {TYPE: self._get(TYPE), SCRIPT: self._get(SCRIPT)}

    def wanted(self, url: str) -> Values:
        """The kind that takes a PAC file, and this address."""
        return {TYPE: "2", SCRIPT: url}

    def write(self, url: str) -> None:
        """The address first, so that the kind never points nowhere."""
        self._set(SCRIPT, url)
        self._set(TYPE, "2")
        self._reload()

    def restore(self, values: Values) -> None:
        """Delete what then reads as it did, as the system may have defaults; else write it."""
        for key in (TYPE, SCRIPT):
            raw = values[key]
            if self._get(key) == raw:
                continue
            self.run([f"kwriteconfig{self.version}", *PLACE, key, "--delete", ""])
            if raw is not None and self._get(key) != raw:
                self._set(key, raw)
        self._reload()

    def pac(self, values: Values) -> str | None:
        """The address, where the kind of proxy uses it."""
        return values[SCRIPT] or None if values[TYPE] == "2" else None

    def describe(self, values: Values) -> str:
        """What the kind of proxy means, with the address where it is used."""
        kind = values[TYPE] or "0"
        return self.pac(values) or WORDS.get(kind, f"{TYPE} {kind}")

    def _get(self, key: str) -> str | None:
        printed = self.run([f"kreadconfig{self.version}", *PLACE, key, "--default", NOT_SET])
        raw = printed.removesuffix("\n")
        return None if raw == NOT_SET else raw

    def _set(self, key: str, raw: str) -> None:
        self.run([f"kwriteconfig{self.version}", *PLACE, key, "--", raw])

    def _reload(self) -> None:
        """Tell the programs that run; those that start later read the file anyhow."""
        if self.has_dbus:
            with contextlib.suppress(ProgramFailed):
                self.run(RELOAD)


def _version(which: Which) -> str | None:
    pairs = ((v, f"kreadconfig{v}", f"kwriteconfig{v}") for v in ("6", "5"))
    return next((v for v, reads, writes in pairs if which(reads) and which(writes)), None)
