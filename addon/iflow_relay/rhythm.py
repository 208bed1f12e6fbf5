"""When a key is renewed, and when a try that failed is followed by the next; times in seconds."""

from __future__ import annotations

from typing import Final

MARGIN: Final = 24 * 3600.0
"""How long before its end a key is renewed (as the CLI has it)."""

MIN_PAUSE: Final = 2.0
MAX_PAUSE: Final = 300.0


def is_due(expires: float | None, now: float, lifetime: float | None) -> bool:
    """Whether a key has to be renewed; one that lives short, when half its time is over."""
    margin = MARGIN if lifetime is None else min(MARGIN, lifetime / 2)
    return expires is not None and expires - now < margin


def pause_after(failures: int, spread: float) -> float:
    """The pause until the next try; `spread`, from 0 to 1, keeps several relays from one beat."""
    pause: float = min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(failures - 1, 10))
    return pause * (0.75 + spread / 2)
