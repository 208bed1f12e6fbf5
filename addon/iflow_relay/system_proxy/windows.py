"""Windows' settings in the user's registry, through reg."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .desktop import Desktop, Run, Values, Which

KEY: Final = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
URL: Final = "AutoConfigURL"
TYPE: Final = "type"

_PRINTED = re.compile(rf"^ +{URL} +(?P<type>REG_\w+)(?: {{1,4}}(?P<url>.*))?$", re.MULTILINE)


def is_here(environ: Mapping[str, str], which: Which) -> bool:
    """Whether this is Windows: elsewhere a program `reg` is another one."""
    return environ.get("OS") == "Windows_NT" and which("reg") is not None


def find(run: Run, environ: Mapping[str, str], which: Which) -> list[Desktop]:
    """The settings of this user."""
    return [Windows(run)] if is_here(environ, which) else []


@dataclass(frozen=True)
class Windows(Desktop):
    """The PAC address and the registry's type for it; it is used if it is there."""

    run: Run

    url_key = URL

    @property
    def name(self) -> str:
        """Windows."""
        return "Windows"

    def read(self) -> Values:
        """Reads the whole key: asked for a value that is not there, reg fails in any language."""
        printed = self.run(["reg", "query", KEY]).replace("\r\n", "\n")
        found = _PRINTED.search(printed)
        return {
            URL: (found["url"] or "") if found else None,
            TYPE: found["type"] if found else None,
        }

    def wanted(self, url: str) -> Values:
        """This address as text."""
        return {URL: url, TYPE: "REG_SZ"}

    def write(self, url: str) -> None:
        """Set the address."""
        self.restore(self.wanted(url))

    def restore(self, values: Values) -> None:
        """Set the address, or delete it where there was none."""
        url, kind = values[URL], values[TYPE]
        if url is not None:
            self.run(["reg", "add", KEY, "/v", URL, "/t", kind or "REG_SZ", "/d", url, "/f"])
        elif self.read()[URL] is not None:
            self.run(["reg", "delete", KEY, "/v", URL, "/f"])
        _reload()

    def pac(self, values: Values) -> str | None:
        """The address, if there is one."""
        return values[URL] or None

    def describe(self, values: Values) -> str:
        """The address or that there is none; a proxy set by hand is not looked at."""
        return self.pac(values) or "no setup script"


def _reload() -> None:
    """Tell the programs that run that the settings have changed, and to read them."""
    if sys.platform == "win32":
        import ctypes

        for option in (39, 37):  # INTERNET_OPTION_SETTINGS_CHANGED, INTERNET_OPTION_REFRESH
            ctypes.windll.wininet.InternetSetOptionW(0, option, 0, 0)
