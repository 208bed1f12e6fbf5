"""Runs the parts of the chain at once, and gives what they find in the order of the parts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from .verdict import Verdict, failure

logger = logging.getLogger(__name__)

PATIENCE: Final = 90.0
"""Seconds that all of it may take: each wait within has a shorter limit of its own."""

REPORT: Final = "that is a fault of this program: report it together with this line"


class Part(NamedTuple):
    """One part of the chain, and what looks at it."""

    name: str
    check: Callable[[], Iterable[Verdict]]


class Line(NamedTuple):
    """A verdict, and the part of the chain that it is about."""

    part: str
    verdict: Verdict


Found = SimpleQueue[Verdict | None]
"""The verdicts of one part; None is their end."""


def run_parts(parts: Sequence[Part], patience: float = PATIENCE) -> Iterator[Line]:
    """Look at all parts; nothing that a check raises comes out of here."""
    end = time.monotonic() + patience
    running = [(part.name, _start(part)) for part in parts]
    for name, found in running:
        for verdict in _take(name, found, end):
            yield Line(name, verdict)


def run_together(parts: Sequence[Part], patience: float = PATIENCE) -> Iterator[Verdict]:
    """The same for things that are one part of the chain."""
    return (line.verdict for line in run_parts(parts, patience))


def _start(part: Part) -> Found:
    found: Found = SimpleQueue()
    # A daemon, so that one that hangs does not keep the program from ending.
    threading.Thread(target=_work, args=[part, found], name=part.name, daemon=True).start()
    return found


def _work(part: Part, found: Found) -> None:
    try:
        for verdict in part.check():
            found.put(verdict)
    except Exception as error:
        logger.debug("%s", part.name, exc_info=True)
        # Its type alone: the message of an exception of no known kind may hold anything.
        found.put(failure(part.name, f"the check broke off: {type(error).__name__}", REPORT))
    finally:
        found.put(None)


def _take(name: str, found: Found, end: float) -> Iterator[Verdict]:
    while True:
        try:
            verdict = found.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            yield failure(name, "the check did not end in time", "try again; else report it")
            return
        if verdict is None:
            return
        yield verdict
