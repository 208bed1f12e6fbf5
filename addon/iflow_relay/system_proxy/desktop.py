"""What the switch needs to know of one desktop's proxy settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

Values = dict[str, str | None]
"""Settings as the desktop's own program prints them; None for one that is not set."""

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns what it printed; raises ProgramFailed."""

Which = Callable[[str], str | None]
"""Where a program is, None where it is not installed."""


class SystemProxyError(Exception):
    """The system's proxy settings cannot be read, changed or remembered; the message says why."""


class Desktop(ABC):
    """One place that holds proxy settings; each method may raise ProgramFailed.

    `url_key` names the value that holds the PAC address; one that is not `in_use` is left alone.
    """

    url_key: str
    in_use: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name for people and in the snapshot; `macOS: Wi-Fi` for one part of several."""

    @abstractmethod
    def read(self) -> Values:
        """The settings as they are now."""

    @abstractmethod
    def wanted(self, url: str) -> Values:
        """What `read` gives once `write(url)` is done."""

    @abstractmethod
    def write(self, url: str) -> None:
        """Use the PAC file at this address."""

    @abstractmethod
    def restore(self, values: Values) -> None:
        """Put back what `read` gave."""

    @abstractmethod
    def pac(self, values: Values) -> str | None:
        """The address of the PAC file in use, None where there is none."""

    @abstractmethod
    def describe(self, values: Values) -> str:
        """The settings in words."""
