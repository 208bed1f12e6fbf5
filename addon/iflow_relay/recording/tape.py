"""All recorded calls: the answer to a request, or the recorded request that is nearest to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from .asked import Asked
from .difference import Difference, differences

FAR = 10_000
"""Differences that are counted: what differs in more is not near, however much more."""


class Tape[T]:
    """Answers by request, each in the order in which they were recorded."""

    def __init__(self, calls: Iterable[tuple[Asked, T]]) -> None:
        self._answers: dict[bytes, deque[T]] = {}
        self._asked: dict[bytes, Asked] = {}
        self.size = 0
        """Calls in all."""
        for asked, answer in calls:
            key = asked.key
            self._asked.setdefault(key, asked)
            self._answers.setdefault(key, deque()).append(answer)
            self.size += 1

    def take(self, asked: Asked) -> T | None:
        """The next answer to a request, the last again once all were given; None if unknown."""
        answers = self._answers.get(asked.key)
        if answers is None:
            return None
        return answers.popleft() if len(answers) > 1 else answers[0]

    def nearest(self, asked: Asked) -> Asked | None:
        """The recorded request that differs least; the first one of several."""
        known = self._asked.values()
        rank = min((_rank(one, asked) for one in known), default=None)
        found, least = None, FAR
        for one in known:
            if _rank(one, asked) != rank:
                continue
            # No more are counted than the nearest so far has.
            parts = sum(1 for _ in islice(differences(one, asked), least))
            if found is None or parts < least:
                found, least = one, parts
        return found

    def explain(self, asked: Asked) -> str:
        """Why there is no answer to a request, and what would have to be otherwise."""
        told = f"This {asked.line} was not recorded"
        nearest = self.nearest(asked)
        if nearest is None:
            return f"{told}: nothing was. Record it with iflow-relay record."
        first: Difference = next(differences(nearest, asked))
        return f"{told}. The nearest of {self.size} is {nearest.line}, which differs in {first}"


def _rank(recorded: Asked, asked: Asked) -> tuple[bool, bool, bool]:
    """What counts more than any number of differences within a body."""
    return (
        recorded.path != asked.path,
        recorded.method != asked.method,
        recorded.body.is_json != asked.body.is_json,
    )
