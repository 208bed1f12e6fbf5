"""GNOME's settings, which Cinnamon, Budgie, Unity and others share, through gsettings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .desktop import Desktop, Run, Values, Which
from .programs import ProgramFailed

SCHEMA: Final = "org.gnome.system.proxy"
MODE: Final = "mode"
URL: Final = "autoconfig-url"
WORDS: Final = {"none": "off", "manual": "a proxy set by hand", "auto": "automatic, no address"}


def is_here(environ: Mapping[str, str], which: Which) -> bool:
    """Whether the programs are installed; on a Mac they belong to somebody's GTK programs."""
    return which("gsettings") is not None and which("networksetup") is None


def find(run: Run, environ: Mapping[str, str], which: Which) -> list[Desktop]:
    """The settings, where the desktop's schemas are installed too."""
    if not is_here(environ, which):
        return []
    try:
        run(["gsettings", "list-keys", SCHEMA])
    except ProgramFailed as error:
        if "No such schema" in str(error):
            return []
    return [Gnome(run)]


@dataclass(frozen=True)
class Gnome(Desktop):
    """The values are GVariant text: `'auto'`, with its quotes."""

    run: Run

    url_key = URL

    @property
    def name(self) -> str:
        """GNOME, for all desktops that read its settings."""
        return "GNOME"

    def read(self) -> Values:
        """Mode and PAC address; one that is not set reads as its default."""
        return {MODE: self._get(MODE), URL: self._get(URL)}

    def wanted(self, url: str) -> Values:
        """The mode `auto` and this address."""
        return {MODE: "'auto'", URL: f"'{url}'"}

    def write(self, url: str) -> None:
        """The address first, so that the mode never points nowhere."""
        wanted = self.wanted(url)
        for key in (URL, MODE):
            self._set(key, wanted[key])

    def restore(self, values: Values) -> None:
        """Unset what then reads as it did, set what does not."""
        for key in (MODE, URL):
            if self._get(key) == values[key]:
                continue
            self.run(["gsettings", "reset", SCHEMA, key])
            if self._get(key) != values[key]:
                self._set(key, values[key])

    def pac(self, values: Values) -> str | None:
        """The address, in the mode that uses it."""
        return _plain(values[URL]) or None if _plain(values[MODE]) == "auto" else None

    def describe(self, values: Values) -> str:
        """What the mode means, with the address where it is used."""
        mode = _plain(values[MODE])
        return self.pac(values) or WORDS.get(mode, mode)

    def _get(self, key: str) -> str:
        return self.run(["gsettings", "get", SCHEMA, key]).removesuffix("\n")

    def _set(self, key: str, raw: str | None) -> None:
        self.run(["gsettings", "set", SCHEMA, key, raw or "''"])


def _plain(raw: str | None) -> str:
    """GVariant text without its quotes."""
    return (raw or "")[1:-1]
