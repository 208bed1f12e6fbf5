"""Ends what a check has started, also where the whole is broken off in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self


class Endable(Protocol):
    """Something that runs until it is ended; ending it twice does no harm."""

    def end(self) -> None:
        """End it."""


class BrokenOff(Exception):
    """It is too late to start anything."""


class Ending:
    """Knows what was started; its own end is the end of all of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: list[Endable] = []
        self._over = False

    def begin[T: Endable](self, start: Callable[[], T]) -> T:
        """Start something; raises BrokenOff once all is over."""
        with self._lock:  # the end waits for what is just being started
            if self._over:
                raise BrokenOff
            begun = start()
            self._begun.append(begun)
        return begun

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
        for begun in self._begun:
            begun.end()
