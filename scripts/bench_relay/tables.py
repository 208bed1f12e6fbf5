"""Figures as text and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from .figures import BY_NAME, FIGURES, Verdict, judge, medians, ratio
from .runner import Measured
from .systems import SYSTEMS

ENOUGH = 5
"""How many times faster than the fastest proxy the direct connection has to be: below that, the
upstream and the load have a visible part in what is measured."""

QUIET = 5
"""Per cent of its time that a proxy may be kept waiting before the figures are in doubt."""


def render(measured: Measured) -> str:
    """All that a run found out, for a terminal."""
    systems = [name for name in SYSTEMS if name in measured.samples]
    found = medians(measured.samples, systems)
    parts = [
        render_table(("", *systems), _figure_rows(found)),
        render_table(
            ("bar", "system", "wanted", "measured", "least", "most", ""),
            [_bar_row(verdict) for verdict in judge(measured.samples)],
        ),
        _footer(measured),
        *render_warnings(measured, found),
    ]
    return "\n\n".join(part for part in parts if part)


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    if len(lines) == 1:
        return ""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def render_warnings(measured: Measured, found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What makes the figures doubtful."""
    warnings = [f"FAILED {name}: {reason}" for name, reason in measured.failures.items()]
    if not measured.cores:
        warnings.append("Warning: nothing is pinned to a core, so proxy and load disturb another.")
    waited = max((each.get("waited_percent", 0) for each in found.values()), default=0)
    if waited > QUIET:
        warnings.append(
            f"Warning: other programs had the proxies' core for {waited:.0f} % of the time; "
            "a quiet machine gives steadier figures."
        )
    rates = {name: each.get("requests_per_second", 0) for name, each in found.items()}
    direct = rates.pop("direct", 0)
    best = max(rates.values(), default=0)
    if best and direct < ENOUGH * best:
        warnings.append(
            f"Warning: the direct connection is only {direct / best:.1f} times as fast as the "
            f"fastest proxy, not {ENOUGH}: requests/s are a little better than shown."
        )
    return warnings


def render_json(measured: Measured) -> str:
    """All that a run found out, for a program."""
    document = {
        "environment": environment(measured),
        "figures": medians(measured.samples, measured.samples),
        "bars": [_bar_document(verdict) for verdict in judge(measured.samples)],
        "failures": measured.failures,
        "samples": measured.samples,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def environment(measured: Measured) -> dict[str, Any]:
    """Where and how it was measured."""
    return {
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
        "system": platform.platform(),
        "cores": {name: sorted(cpus) for name, cpus in measured.cores._asdict().items()}
        if measured.cores
        else None,
        "rounds": measured.rounds,
        "seconds": round(measured.seconds, 1),
    }


def _figure_rows(found: Mapping[str, Mapping[str, float]]) -> Iterable[Sequence[str]]:
    for figure in FIGURES:
        cells = [each.get(figure.name) for each in found.values()]
        yield (
            figure.title,
            *("-" if cell is None else f"{cell:,.{figure.digits}f}" for cell in cells),
        )


def _bar_row(verdict: Verdict) -> Sequence[str]:
    bar = verdict.bar
    form = "{:.2f} x" if bar.measure is ratio else "{:+.2f}"
    numbers = (verdict.measured, verdict.least, verdict.most)
    title = BY_NAME[bar.figure].title.strip()
    title = title if not BY_NAME[bar.figure].added else f"added {_subject(bar.figure)} p50"
    return (
        title,
        bar.system,
        bar.wanted,
        *(form.format(number) for number in numbers),
        "met" if verdict.is_met else "MISSED",
    )


def _subject(figure: str) -> str:
    return "latency" if "latency" in figure else "latency per chunk"


def _bar_document(verdict: Verdict) -> dict[str, Any]:
    bar = verdict.bar
    return {
        "figure": bar.figure,
        "system": bar.system,
        "wanted": bar.wanted,
        "measured": verdict.measured,
        "least": verdict.least,
        "most": verdict.most,
        "met": verdict.is_met,
    }


def _footer(measured: Measured) -> str:
    about = environment(measured)
    return (
        f"Medians of {measured.rounds} interleaved rounds, ratios within each round; "
        f"Python {about['python']}, mitmproxy {about['mitmproxy']}, {about['seconds']} s. "
        "serve writes its line for each call to /dev/null."
    )
