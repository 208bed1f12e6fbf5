"""The counts of one relay, from its start on.

Rules:
1. A model gets a label of its own by an answer: names that clients make up are `other`.
2. What is counted once is never taken back, as Prometheus takes a count that falls for a restart.
3. Counting a call costs a few microseconds: it happens between two pieces of other calls' streams.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .histogram import ADDED, DURATION, FIRST_TOKEN, Histogram
from .labels import Labels

MAX_MODELS = 100
MAX_CODES = 100
"""Labels of error codes: an upstream's own codes are kept, and it may have any."""

TOKEN_KINDS = ("prompt", "completion", "cached", "reasoning")


class Tokens(NamedTuple):
    """Tokens of one call; None where nobody counted them."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Outcome(NamedTuple):
    """One call that has ended, as far as it is counted; times in seconds."""

    route: str
    status: int
    """0 where the client got no answer."""
    duration: float
    model: str = ""
    """The one that ran, or would have."""
    answered: bool = False
    """Whether it was answered and not refused, so that there is such a model."""
    error: str | None = None
    tokens: Tokens = Tokens()
    first_token: float | None = None
    own: float | None = None
    """What the relay itself took; None or 0 where nothing was sent on, or it had to wait."""


class Tallies:
    """Counts by label values."""

    def __init__(self) -> None:
        self._models = Labels(MAX_MODELS)
        self._codes = Labels(MAX_CODES)
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By route, model and status."""
        self.tokens: dict[str, list[int]] = {}
        """By model, in the order of `TOKEN_KINDS`."""
        self.errors: Counter[str] = Counter()
        """By code."""
        self.stream_errors: Counter[str] = Counter()
        """Those of them that came when the answer had begun, so that its status says nothing."""
        self.first_token: dict[str, Histogram] = {}
        """By model."""
        self.duration: dict[str, Histogram] = {}
        """By route."""
        self.added = Histogram(ADDED)

    def add(self, call: Outcome) -> None:
        """Count a call that has ended."""
        model = (self._models.admit if call.answered else self._models.find)(call.model)
        self.requests[call.route, model, str(call.status or "none")] += 1
        if call.error:
            self._add_error(call.error, begun=0 < call.status < 400)
        if call.tokens.prompt is not None or call.tokens.completion is not None:
            self._add_tokens(model, call.tokens)
        if call.first_token is not None:
            of_model = self.first_token.get(model)
            if of_model is None:
                of_model = self.first_token[model] = Histogram(FIRST_TOKEN)
            of_model.add(call.first_token)
        of_route = self.duration.get(call.route)
        if of_route is None:
            of_route = self.duration[call.route] = Histogram(DURATION)
        of_route.add(call.duration)
        if call.own:
            self.added.add(call.own)

    def add_scrape(self, route: str, status: int) -> None:
        """Count a request for these very counts, which is no call: it has no duration."""
        self.requests[route, "", str(status)] += 1

    def _add_error(self, code: str, *, begun: bool) -> None:
        label = self._codes.admit(code)
        self.errors[label] += 1
        if begun:
            self.stream_errors[label] += 1

    def _add_tokens(self, model: str, tokens: Tokens) -> None:
        sums = self.tokens.setdefault(model, [0] * len(tokens))
        for place, count in enumerate(tokens):
            # An upstream may say anything, also less than nothing (rule 2).
            sums[place] += max(0, count or 0)
