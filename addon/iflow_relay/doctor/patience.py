"""Waits with a limit, for what has none of its own, and how long things took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

NETWORK: Final = 10.0
"""Seconds for one step on the network; the relay itself gives connecting as much."""


def in_time[T](do: Callable[[], T], seconds: float = NETWORK) -> T:
    """What `do` returns or raises; raises TimeoutError where it goes on for longer."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(do())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(seconds)


class Stopwatch:
    """Tells how long it is since it was made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()

    @property
    def seconds(self) -> float:
        """So far."""
        return self._clock() - self._begun

    def __str__(self) -> str:
        return render_time(self.seconds)


def render_time(seconds: float) -> str:
    """A time as people read it.

    >>> render_time(0.0341), render_time(2.5)
    ('34 ms', '2.5 s')
    """
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
