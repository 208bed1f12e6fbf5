"""The last errors that clients were answered with, for whoever looks at what goes wrong."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple, overload


class Trouble(NamedTuple):
    """One error as a client was told about it; `when` in seconds since 1970."""

    when: float
    status: int
    code: str
    message: str


class Troubles(Sequence[Trouble]):
    """The newest errors, newest first; older ones are forgotten, as they would grow for ever."""

    def __init__(self, limit: int = 10) -> None:
        self._kept: deque[Trouble] = deque(maxlen=limit)

    def add(self, status: int, code: str, message: str, when: float | None = None) -> None:
        """Note an error that a client was answered with; without `when` it is one of now."""
        self._kept.appendleft(Trouble(time.time() if when is None else when, status, code, message))

    @overload
    def __getitem__(self, index: int) -> Trouble: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Trouble]: ...

    def __getitem__(self, index: int | slice) -> Trouble | Sequence[Trouble]:
        if isinstance(index, slice):
            return tuple(islice(self._kept, *index.indices(len(self._kept))))
        return self._kept[index]

    def __len__(self) -> int:
        return len(self._kept)
