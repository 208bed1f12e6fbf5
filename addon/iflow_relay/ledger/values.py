"""What the ledger holds of a call, and what goes wrong with it."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One call that has ended; texts are empty and numbers None where nothing is known."""

    call: str
    """A unique id, hexadecimal: a row that is written twice counts once."""
    time: float
    """When the request came, in seconds since 1970."""
    route: str
    path: str
    """What follows the base URL, without the query."""
    dialect: str
    client: str
    host: str
    """The name by which the relay was called."""
    asked: str
    run: str
    """The models that were asked for, and that ran."""
    status: int
    error: str
    prompt: int | None
    completion: int | None
    cached: int | None
    reasoning: int | None
    first_token: float | None
    duration: float
    """Seconds."""
    received: int
    sent: int
    """Bytes of the bodies."""
    streamed: bool


class LedgerError(Exception):
    """The ledger cannot be used; the message says why and what to do."""
