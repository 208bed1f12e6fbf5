"""`iflow-relay usage`."""

from __future__ import annotations

import csv
import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..ledger.prices import load_prices
from ..ledger.reading import By, Ledger
from ..ledger.span import Span, parse_span
from ..ledger.values import LedgerError
from .common import json_option, print_json, read_config, set_option
from .usage_sums import Report, make_report, to_csv, to_document

if TYPE_CHECKING:
    from collections.abc import Sequence

BY: Sequence[By] = ("day", "model", "client", "status")


@click.command(short_help="Show what was spent: calls, tokens, times.")
@click.option(
    "--by", type=click.Choice(BY), default="day", show_default=True, help="What a line is."
)
@click.option(
    "--since",
    default="7d",
    show_default=True,
    help="7d, 24h, 30m, today, yesterday, 2026-11-01, 2026-11-01T12:00, or all.",
)
@click.option("--until", help="The same; a day that is named here is not counted.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@set_option
def usage(
    by: By, since: str, until: str | None, as_json: bool, as_csv: bool, sets: tuple[str, ...]
) -> None:
    """Show what was spent, from the ledger that every relay of yours writes.

    Calls and tokens are sums; the times, first token and duration, are medians. Prices come from
    prices.toml in the configuration folder, where you have one.

    \b
    Examples:
      iflow-relay usage
      iflow-relay usage --by model --since 30d
      iflow-relay usage --csv --since 2026-11-01 --until 2026-12-01
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    path = find_ledger(sets)
    try:
        span = parse_span(None if since == "all" else since, until, time.time())
        prices = load_prices()
        with Ledger(path) as ledger:
            report = make_report(ledger, by, span, prices)
    except (LedgerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(to_document(report))
    elif as_csv:
        print_csv(report)
    elif report.lines:
        from .usage_lines import print_report

        print_report(report)
    else:
        click.echo(describe_nothing(span), err=True)


def find_ledger(sets: Sequence[str]) -> Path:
    """Where the relay's options say that the ledger is; raises ClickException where it is off."""
    path = read_config(sets).ledger
    if path is None:
        raise click.ClickException(
            "The ledger is switched off (iflow_ledger): name a file with --set iflow_ledger=FILE."
        )
    return path


def describe_nothing(span: Span) -> str:
    """What to do where no call lies in the span."""
    if span == Span(None, None):
        return "The ledger is empty: it gets a line with the relay's next call."
    return "No calls in that time: name another with --since and --until, or --since all."


def print_csv(report: Report) -> None:
    """A head, and a line for each group."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_csv(report))
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(out.getvalue().encode(encoding, "backslashreplace").decode(encoding), nl=False)
