"""Reckons what has to go where only so much may be kept: by name and bytes alone.

Rules:
1. What was put first goes first: its bodies, and once the list itself is long, its entry as well.
2. What is spared when its turn comes counts no more; it is asked about again later, a few at each
   pass, so that a pass costs the same however much is spared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .config import Kept

LISTED = 10
"""How many times as many are listed as have their bodies."""

ASKED_AGAIN = 2


class Step(NamedTuple):
    """What has to go next: the bodies, or, where it leaves, the entry itself."""

    name: str
    leaves: bool


class Shelf:
    """Names in the order in which they were put, with the bytes of their bodies."""

    def __init__(self) -> None:
        self._whole: OrderedDict[str, int] = OrderedDict()
        self._bare: OrderedDict[str, None] = OrderedDict()
        self._spared: OrderedDict[str, int | None] = OrderedDict()
        self.size = 0
        """Bytes of the bodies that are counted."""

    def __contains__(self, name: str) -> bool:
        return name in self._whole or name in self._bare or name in self._spared

    def __iter__(self) -> Iterator[str]:
        yield from (*self._bare, *self._spared, *self._whole)

    def put(self, name: str, size: int) -> None:
        """Add something with its bodies, as the newest."""
        self.forget(name)
        self._whole[name] = size
        self.size += size

    def put_bare(self, name: str) -> None:
        """Add something that counts in the list alone, as the newest."""
        self.forget(name)
        self._bare[name] = None

    def forget(self, name: str) -> None:
        """Count it no more, if it was there."""
        self.size -= self._whole.pop(name, 0)
        self._bare.pop(name, None)
        self._spared.pop(name, None)

    def excess(self, kept: Kept, is_spared: Callable[[str], bool]) -> Iterator[Step]:
        """What has to go, one after the other; each is counted as gone when it is given."""
        self._ask_again(is_spared)
        while len(self._whole) > kept.flows or self.size > kept.size:
            name, size = self._whole.popitem(last=False)
            self.size -= size
            if is_spared(name):
                self._spared[name] = size
            else:
                self._bare[name] = None
                yield Step(name, leaves=False)
        while self._bare and len(self._whole) + len(self._bare) > LISTED * kept.flows:
            name, _ = self._bare.popitem(last=False)
            if is_spared(name):
                self._spared[name] = None
            else:
                yield Step(name, leaves=True)

    def _ask_again(self, is_spared: Callable[[str], bool]) -> None:
        for _ in range(min(ASKED_AGAIN, len(self._spared))):
            name, size = self._spared.popitem(last=False)
            if is_spared(name):
                self._spared[name] = size
            else:
                self._put_back(name, size)

    def _put_back(self, name: str, size: int | None) -> None:
        """As the oldest, which it is."""
        if size is None:
            self._bare[name] = None
            self._bare.move_to_end(name, last=False)
            return
        self._whole[name] = size
        self._whole.move_to_end(name, last=False)
        self.size += size
