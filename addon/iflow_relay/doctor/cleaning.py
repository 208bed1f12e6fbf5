"""Lines as they may be shown: no keys, one line each, nothing that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..credential import Secret
from .parts import Line

MAX_TEXT: Final = 600
"""Letters of a text that are shown: an upstream may say more than anybody wants to read."""


def clean(lines: Iterable[Line], secrets: Sequence[Secret]) -> Iterator[Line]:
    """The same lines with both texts as `clean_text` leaves them."""
    for part, verdict in lines:
        found, advice = (clean_text(text, secrets) for text in (verdict.found, verdict.advice))
        yield Line(part, verdict._replace(found=found, advice=advice))


def clean_text(text: str, secrets: Sequence[Secret]) -> str:
    """The text with keys masked, and every blank or letter that does not print a single blank."""
    for secret in secrets:
        text = secret.redact(text)
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    line = " ".join(words)
    return line if len(line) <= MAX_TEXT else f"{line[:MAX_TEXT]}…"
