"""The table of `iflow-relay usage`: as wide as the terminal, and readable without colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..ledger.reading import By, Spread
from .usage_sums import Line, Report

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NAMELESS = "(none)"
"""What a call is listed under that named no model, or had no answer's status."""

EIGHTHS = " ▏▎▍▌▋▊▉█"


class Layout(NamedTuple):
    """How much is shown, and how wide it is."""

    is_exact: bool
    """Whether numbers are written out."""
    is_whole: bool
    """Whether all figures are shown."""
    bar: int
    """Columns of the longest bar; 0 for neither bars nor times."""
    gap: int
    """Columns between two figures."""


LAYOUTS = (
    Layout(True, True, 24, 1),
    Layout(False, True, 12, 1),
    Layout(False, False, 6, 1),
    Layout(False, False, 6, 0),
)
"""The first that fits is taken, else the last."""

LEAST = Layout(False, False, 0, 1)
NARROW = 72
"""Columns; with fewer the least is the last, as names would else have no room at all."""


class Figure(NamedTuple):
    """One column of figures."""

    name: str
    cell: Callable[[Line], str]


def print_report(report: Report) -> None:
    """Print the table, and what it leaves out."""
    from rich.console import Console  # here, because it costs a start that prints none
    from rich.measure import Measurement
    from rich.text import Text

    console = Console(soft_wrap=False, highlight=False)
    boundless = console.options.update(max_width=10_000)
    for layout in LAYOUTS if console.width >= NARROW else (*LAYOUTS, LEAST):
        table = _make_table(report, layout, console)
        if Measurement.get(console, boundless, table).maximum <= console.width:
            break
    console.print(table)
    if report.unpriced:
        names = _printable(", ".join(name or NAMELESS for name in report.unpriced), console)
        console.print(Text(f"No price for: {names}"))


def _make_table(report: Report, layout: Layout, console: Console) -> Table:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    figures = list(_figures(report, layout))
    bars = _bars(report, layout.bar, console) if layout.bar else []
    table = Table(
        Column(report.by, overflow="fold", max_width=40),
        *(Column(figure.name, justify="right", no_wrap=True) for figure in figures),
        *([Column("share", no_wrap=True, min_width=layout.bar + 5)] if bars else []),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, layout.gap, 0, 0),
    )
    for number, line in enumerate((*report.lines, report.total)):
        cells = [
            _printable(_title(line.name, report.by), console),
            *(f.cell(line) for f in figures),
        ]
        cells += bars[number : number + 1]
        table.add_row(*map(Text, cells), end_section=number == len(report.lines) - 1)
    return table


def _title(name: str, by: By) -> str:
    """What a line is called; a call that got no answer has the status 0."""
    return NAMELESS if not name or (by, name) == ("status", "0") else name


def _figures(report: Report, layout: Layout) -> Iterator[Figure]:
    number = _write_out if layout.is_exact else _shorten
    yield Figure("calls", lambda line: number(line.sum.calls))
    yield Figure("failed", lambda line: number(line.sum.failed))
    yield Figure("prompt", lambda line: number(line.sum.prompt))
    yield Figure("comple-\ntion", lambda line: number(line.sum.completion))
    if layout.is_whole:
        yield Figure("cached", lambda line: number(line.sum.cached))
        yield Figure("reason-\ning", lambda line: number(line.sum.reasoning))
    if layout.bar:
        yield Figure("first\ntoken", lambda line: _seconds(line.sum.first_token))
        yield Figure("dura-\ntion", lambda line: _seconds(line.sum.duration))
    if report.total.cost is not None:
        yield Figure(report.currency or "cost", lambda line: _amount(line.cost))


def _bars(report: Report, width: int, console: Console) -> list[str]:
    """Each line's share of the tokens, or of the calls where no tokens are known."""
    shares = [line.tokens for line in report.lines]
    if not any(shares):
        shares = [line.sum.calls for line in report.lines]
    most, total = max(shares, default=0), sum(shares)
    draw = _draw_plainly if console.options.ascii_only else _draw
    return [f"{share / total:4.0%} {draw(width * share / most)}" for share in shares if most]


def _draw(length: float) -> str:
    """A bar that is so many columns long; whatever is more than nothing shows."""
    eighths = max(round(length * 8), int(length > 0))
    return EIGHTHS[-1] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _draw_plainly(length: float) -> str:
    return "#" * max(round(length), int(length > 0))


def _printable(text: str, console: Console) -> str:
    """The text with a mark for each letter that the terminal cannot show."""
    return text.encode(console.encoding, "replace").decode(console.encoding)


def _write_out(number: int) -> str:
    return f"{number:,}"


def _shorten(number: int) -> str:
    """At most five letters: `9999`, `12.3k`, `123k`, `1.2M`."""
    if number < 10_000:
        return str(number)
    for unit, size in (("k", 10**3), ("M", 10**6), ("G", 10**9)):
        if number < 999.5 * size:
            return f"{number / size:.{1 if number < 99.95 * size else 0}f}{unit}"
    return f"{number / 10**12:.3g}T"


def _seconds(spread: Spread | None) -> str:
    """The median."""
    if spread is None:
        return ""
    seconds = spread.median
    return f"{seconds:.{2 if seconds < 9.995 else 1 if seconds < 99.95 else 0}f} s"


def _amount(cost: float | None) -> str:
    if cost is None:
        return ""
    return f"{cost:,.2f}" if cost >= 1 or not cost else f"{cost:.4f}"
