"""The page's look into the ledger: read in a thread, one look at a time, and never too often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from ..errors import InvalidRequest
from ..ledger.prices import Prices, load_prices
from ..ledger.reading import Ledger
from ..ledger.values import LedgerError, Row
from .asked import Asked
from .inside import Inside
from .redacting import Redact
from .usage_document import Figures, render_call, render_figures
from .window import WINDOWS, Window, make_window

Json = dict[str, Any]

CALLS: Final = 50
"""Calls that are shown each by itself."""

PAUSE: Final = 10.0
"""Times as long as sums took to add they are good for, where calls come in: a tenth of a core."""

SHORTEST: Final = 2.0
LONGEST: Final = 60.0
"""Seconds for which sums are good: while calls come in, at least; while none do, at most."""


class Look(NamedTuple):
    """What one look found; `took` and `at` in seconds of a clock that only goes forward."""

    path: Path
    window: Window
    figures: Json
    last: list[Row]
    """The last calls when these were added up."""
    at: float
    took: float


class Usage:
    """Reads the ledger for however many pages ask, and keeps the sums of each span for a while."""

    def __init__(self, inside: Inside, clock: Callable[[], float]) -> None:
        self._inside = inside
        self._clock = clock
        self._looks: dict[str, Look] = {}
        self._turn = asyncio.Lock()

    async def document(self, asked: Asked, redact: Redact) -> Json:
        """What is shown, or in words why nothing is; raises InvalidRequest for another span."""
        name = read_span(asked.query)
        now, path = self._clock(), self._inside.config.ledger
        document = {"span": name, "unit": WINDOWS[name][0], "now": now, "message": None}
        if path is None:
            return document | {"state": "off"}
        try:
            async with self._turn:
                look = await asyncio.to_thread(self._look, path, name, now, redact)
        except LedgerError as error:
            return document | {"state": "unreadable", "message": redact(str(error))}
        return document | ({"state": "on", **look} if look else {"state": "empty"})

    def _look(self, path: Path, name: str, now: float, redact: Redact) -> Json | None:
        """Runs in a thread; None where no call was ever written down. Raises LedgerError."""
        if not path.exists():
            return None
        window = make_window(name, now)
        with Ledger(path) as ledger:
            last = ledger.last(CALLS)
            look = self._looks.get(name)
            if not look or not is_good(look, path, window, last, time.monotonic()):
                look = self._looks[name] = _add_up(ledger, path, window, last, redact)
        return look.figures | {"last": [render_call(row, redact) for row in last]} if last else None


def read_span(query: str) -> str:
    """The name of the span that is asked for; raises InvalidRequest."""
    name = parse_qs(query, max_num_fields=5).get("span", ["7d"])[0]
    if name not in WINDOWS:
        raise InvalidRequest(f"span has to be one of {', '.join(WINDOWS)}.", param="span")
    return name


def is_good(look: Look, path: Path, window: Window, last: list[Row], moment: float) -> bool:
    """Whether the sums still stand, or were added too shortly before to be added again."""
    if (look.path, look.window) != (path, window):
        return False
    quiet = look.last == last
    return moment - look.at < (LONGEST if quiet else max(SHORTEST, PAUSE * look.took))


def _add_up(ledger: Ledger, path: Path, window: Window, last: list[Row], redact: Redact) -> Look:
    begun = time.monotonic()
    prices, problem = _read_prices()
    unit, span = window.unit, window.span
    figures = Figures(
        total=ledger.sums((), span)[0],
        by_slot=ledger.sums((unit,), span),
        by_model=ledger.sums(("model",), span),
        by_slot_and_model=ledger.sums((unit, "model"), span, spreads=False),
        by_outcome=ledger.sums(("status", "error"), span, spreads=False),
        prices=prices,
        cost_problem=problem,
    )
    rendered = render_figures(figures, window, redact)
    at = time.monotonic()
    return Look(path, window, rendered, last, at, at - begun)


def _read_prices() -> tuple[Prices, str | None]:
    """The user's prices, or none and why."""
    try:
        return load_prices(), None
    except LedgerError as error:
        return Prices(), str(error)
