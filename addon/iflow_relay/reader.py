"""What an answer that is read on its way through looks like to whoever carries it."""

from __future__ import annotations

from typing import Protocol

from .errors import RelayError


class Reader(Protocol):
    """Takes an upstream's bytes as they come and gives what the client gets; never raises."""

    @property
    def ended(self) -> bool:
        """Whether all is said, so that nothing more is wanted."""

    @property
    def refusal(self) -> RelayError | None:
        """The error that stands in place of the whole answer: nothing was given before it."""

    @property
    def failure(self) -> RelayError | None:
        """The error that the answer ended with."""

    def feed(self, data: bytes) -> bytes:
        """What the client gets now that these bytes came."""

    def finish(self, *, delimited: bool = True) -> bytes:
        """What the client gets when the upstream has ended the answer.

        `delimited` is False where only the end of the connection ended it.
        """

    def fail(self, error: RelayError) -> bytes:
        """What the client gets when the answer breaks off."""
