"""macOS's settings, one set for each network service, through networksetup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .desktop import Desktop, Run, Values, Which
from .programs import ProgramFailed

URL: Final = "URL"
ENABLED: Final = "Enabled"
EMPTY: Final = " "
"""An address that stands for none: networksetup takes none away."""

_PRINTED = re.compile(r"^URL:(?P<url>.*)\nEnabled:(?P<enabled>.*)$", re.MULTILINE)


def is_here(environ: Mapping[str, str], which: Which) -> bool:
    """Whether this is a Mac."""
    return which("networksetup") is not None


def find(run: Run, environ: Mapping[str, str], which: Which) -> list[Desktop]:
    """All network services; those that are disabled are not in use."""
    if not is_here(environ, which):
        return []
    # The first line explains the asterisk that the names of disabled services begin with.
    names = run(["networksetup", "-listallnetworkservices"]).splitlines()[1:]
    return [
        Service(run, name.removeprefix("*"), in_use=not name.startswith("*"))
        for name in names
        if name.strip()
    ]


@dataclass(frozen=True)
class Service(Desktop):
    """One network service: Wi-Fi, Ethernet."""

    run: Run
    service: str
    in_use: bool = True

    url_key = URL

    @property
    def name(self) -> str:
        """The service as System Settings names it."""
        return f"macOS: {self.service}"

    def read(self) -> Values:
        """PAC address, and whether it is used."""
        printed = self.run(["networksetup", "-getautoproxyurl", self.service])
        found = _PRINTED.search(printed)
        if not found:
            raise ProgramFailed(f"networksetup: {' '.join(printed.split())}")
        url = found["url"].strip()
        return {URL: None if url in ("", "(null)") else url, ENABLED: found["enabled"].strip()}

    def wanted(self, url: str) -> Values:
        """This address, used."""
        return {URL: url, ENABLED: "Yes"}

    def write(self, url: str) -> None:
        """Set the address and use it."""
        self.restore(self.wanted(url))

    def restore(self, values: Values) -> None:
        """The switch comes last, as setting an address turns it on."""
        state = "on" if values[ENABLED] == "Yes" else "off"
        self.run(["networksetup", "-setautoproxyurl", self.service, values[URL] or EMPTY])
        self.run(["networksetup", "-setautoproxystate", self.service, state])

    def pac(self, values: Values) -> str | None:
        """The address, where it is used."""
        return values[URL] if values[ENABLED] == "Yes" else None

    def describe(self, values: Values) -> str:
        """The address or that there is none; what else is set for the service is not looked at."""
        return self.pac(values) or "no automatic proxy"
