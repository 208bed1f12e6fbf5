"""What a trust store is to us."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from .authority import Authority
from .steps import Step

OUR_NAME: Final = "iflow-relay"
"""What we call the certificate in stores that have names; others' entries are left alone."""


class Trust(StrEnum):
    """Whether a store trusts the authority."""

    YES = "yes"
    NO = "no"
    ANOTHER = "another"
    """There is one that we put there, and it is not the present one."""
    UNKNOWN = "unknown"


class Found(NamedTuple):
    """What is in a store."""

    trust: Trust
    ours: int = 0
    """How many entries are there that we made."""
    note: str = ""
    """Why it is not known."""


class Store(Protocol):
    """A place from which programs take what they trust."""

    @property
    def name(self) -> str:
        """What `--store` calls it; several may have one name."""

    @property
    def place(self) -> str:
        """Where it is."""

    @property
    def present(self) -> bool:
        """Whether this machine has it."""

    @property
    def needs_root(self) -> bool:
        """Whether only root can change it."""

    def lacks(self) -> str:
        """The program that a change needs and that is not there, in words; else empty."""

    def look(self, authority: Authority | None) -> Found:
        """Whether it trusts the authority, by content; `authority` may be gone or unusable."""

    def install(self, authority: Authority, found: Found) -> list[Step]:
        """What makes it trust the authority, and none before it that was ours."""

    def uninstall(self, found: Found) -> list[Step]:
        """What takes away that which we put there, and nothing else."""
