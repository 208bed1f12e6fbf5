"""What the page shows of the ledger, as one document."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ..ledger.prices import Prices
from ..ledger.reading import Spread, Sum
from ..ledger.values import Row
from .redacting import Redact
from .window import Window

Json = dict[str, Any]

MODELS: Final = 8
"""Models that are shown each by itself: as many as there are colours that can be told apart."""

OUTCOMES: Final = 12
"""Ways to fail that are shown."""

LETTERS: Final = 120
"""Of a name that a client chose."""


class Figures(NamedTuple):
    """What the ledger has in a window; `cost_problem` is why there are no prices."""

    total: Sum
    by_slot: Sequence[Sum]
    by_model: Sequence[Sum]
    by_slot_and_model: Sequence[Sum]
    by_outcome: Sequence[Sum]
    """By status and error."""
    prices: Prices
    cost_problem: str | None


def render_figures(figures: Figures, window: Window, redact: Redact) -> Json:
    """Sums, shares and spreads; tokens per slot of the biggest models and of the others."""
    costs = {one.keys[0]: _cost(one, figures.prices) for one in figures.by_model}
    known = [cost for cost in costs.values() if cost is not None]
    unpriced = any(costs[one.keys[0]] is None and _tokens(one) for one in figures.by_model)
    slots = {one.keys[0]: one for one in figures.by_slot}
    failed = [one for one in figures.by_outcome if one.failed]
    problem = figures.cost_problem
    return {
        "since": window.span.since,
        "total": _render(figures.total) | {"cost": sum(known) if known else None},
        "currency": figures.prices.currency,
        "unpriced": unpriced,
        "cost_problem": redact(problem) if problem else None,
        "slots": [{"slot": slot, **_render(slots.get(slot))} for slot in window.slots],
        "models": list(_render_models(figures, window, costs, redact)),
        "outcomes": [
            {"status": one.keys[0], "error": clip(redact(one.keys[1])), "calls": one.failed}
            for one in heapq.nsmallest(OUTCOMES, failed, key=lambda one: -one.failed)
        ],
    }


def render_call(row: Row, redact: Redact) -> Json:
    """A call as a line shows it."""
    texts = ("client", "asked", "run", "error", "route")
    numbers = ("call", "time", "status", "prompt", "completion", "first_token", "duration")
    shown: Json = {name: clip(redact(getattr(row, name))) for name in texts}
    return shown | {name: getattr(row, name) for name in (*numbers, "streamed")}


def clip(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _render_models(
    figures: Figures, window: Window, costs: dict[str, float | None], redact: Redact
) -> Iterable[Json]:
    """The models that used most tokens, then what all others have together, named null."""
    # To sort however many names clients have made up would stop every other thread meanwhile.
    shown = heapq.nsmallest(
        MODELS, figures.by_model, key=lambda one: (-_tokens(one), -one.calls, one.keys)
    )
    kept = {one.keys[0] for one in shown}
    rest = [one for one in figures.by_model if one.keys[0] not in kept]
    tokens: dict[str | None, dict[str, int]] = {}
    for one in figures.by_slot_and_model:
        slot, model = one.keys
        of_model = tokens.setdefault(model if model in kept else None, {})
        of_model[slot] = of_model.get(slot, 0) + _tokens(one)
    for one in shown:
        by_slot = tokens.get(one.keys[0], {})
        yield {
            "name": clip(redact(one.keys[0])),
            **_render(one),
            "cost": costs[one.keys[0]],
            "tokens": [by_slot.get(slot, 0) for slot in window.slots],
        }
    if rest:
        by_slot = tokens.get(None, {})
        known = [cost for one in rest if (cost := costs[one.keys[0]]) is not None]
        yield {
            "name": None,
            **_render(_add(rest)),
            "cost": sum(known) if known else None,
            "tokens": [by_slot.get(slot, 0) for slot in window.slots],
        }


def _render(one: Sum | None) -> Json:
    one = one or _NOTHING
    shown = ("calls", "failed", "prompt", "completion", "cached", "reasoning")
    spreads = {name: _spread(getattr(one, name)) for name in ("first_token", "duration")}
    return {name: getattr(one, name) for name in shown} | spreads


def _spread(spread: Spread | None) -> list[float] | None:
    return list(spread) if spread else None


def _add(sums: Sequence[Sum]) -> Sum:
    """All of them in one, without spreads: those of parts say nothing of the whole."""
    return Sum(
        keys=(),
        calls=sum(one.calls for one in sums),
        failed=sum(one.failed for one in sums),
        prompt=sum(one.prompt for one in sums),
        completion=sum(one.completion for one in sums),
        cached=sum(one.cached for one in sums),
        reasoning=sum(one.reasoning for one in sums),
        received=sum(one.received for one in sums),
        sent=sum(one.sent for one in sums),
        first_token=None,
        duration=None,
    )


def _tokens(one: Sum) -> int:
    return one.prompt + one.completion


def _cost(one: Sum, prices: Prices) -> float | None:
    return prices.cost(one.keys[0], one.prompt, one.completion, one.cached)


_NOTHING: Final = Sum((), 0, 0, 0, 0, 0, 0, 0, 0, None, None)
