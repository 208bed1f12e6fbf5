"""What `iflow-relay usage` shows: the ledger's sums, with what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ..ledger.prices import Prices
from ..ledger.reading import By, Ledger, Sum
from ..ledger.span import Span


class Line(NamedTuple):
    """One group: its name, its sums, and the cost of those of its calls that have a price."""

    name: str
    sum: Sum
    cost: float | None

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.sum.prompt + self.sum.completion


class Report(NamedTuple):
    """The groups, all of them together, and the models that used tokens and have no price."""

    by: By
    span: Span
    lines: tuple[Line, ...]
    total: Line
    currency: str
    unpriced: tuple[str, ...]


def make_report(ledger: Ledger, by: By, span: Span, prices: Prices) -> Report:
    """Ask the ledger; days come in their order, others the largest first. Raises LedgerError."""
    by_model = ledger.sums((by, "model"), span) if prices.listed else []
    costs: dict[str, float] = {}
    unpriced = set()
    for part in by_model:
        name, model = part.keys
        cost = prices.cost(model, part.prompt, part.completion, part.cached)
        if cost is not None:
            costs[name] = costs.get(name, 0.0) + cost
        elif part.prompt or part.completion:
            unpriced.add(model)
    lines = [Line(s.keys[0], s, costs.get(s.keys[0])) for s in ledger.sums((by,), span)]
    if by != "day":
        lines.sort(key=lambda line: (-line.tokens, -line.sum.calls, line.name))
    total = Line("total", ledger.sums((), span)[0], sum(costs.values()) if costs else None)
    return Report(by, span, tuple(lines), total, prices.currency, tuple(sorted(unpriced)))


def to_document(report: Report) -> dict[str, Any]:
    """The report as JSON: the span in local time, times in seconds, cost null without a price."""
    return {
        "by": report.by,
        "since": _moment(report.span.since),
        "until": _moment(report.span.until),
        "currency": report.currency or None,
        "rows": [{report.by: line.name, **_figures(line)} for line in report.lines],
        "total": _figures(report.total),
        "unpriced": list(report.unpriced),
    }


def to_csv(report: Report) -> Iterable[Sequence[object]]:
    """A head, and a row for each group: plain numbers, empty where there is none."""
    yield (report.by, *_flat(_figures(report.total)))
    for line in report.lines:
        values = _flat(_figures(line)).values()
        yield (line.name, *("" if value is None else value for value in values))


def _figures(line: Line) -> dict[str, Any]:
    figures = line.sum._asdict()
    del figures["keys"]
    for name in ("first_token", "duration"):
        spread = figures[name]
        figures[name] = {k: round(v, 3) for k, v in spread._asdict().items()} if spread else None
    return figures | {"cost": None if line.cost is None else round(line.cost, 6)}


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Each quantile in a column of its own."""
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        if name in ("first_token", "duration"):
            parts = value or dict.fromkeys(("median", "p95", "p99"))
            flat |= {f"{name}_{part}": seconds for part, seconds in parts.items()}
        else:
            flat[name] = value
    return flat


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
