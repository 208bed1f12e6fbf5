"""A relay with a ledger that tells of a month, and the page's section about it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.conftest import LIKE_IFLOW, Starter
from tests.e2e.page_relay import page_of, wait_for_models, wait_until_drawn
from tests.e2e.programs import Relay
from tests.unit.web.spending import make_row, write_ledger

from iflow_relay.ledger.values import Row

DAY = 86400
MODELS = (
    *("glm-4.7", "qwen3-coder-plus", "deepseek-v3.2-chat", "kimi-k2-thinking", "minimax-m2.1"),
    *("iFlow-ROME-30BA3B", "kimi-k2-0905", "accounts/somebody/models/one-with-a-long-name"),
    *("rare-1", "rare-2"),
)
CLIENTS = ("OpenAI/Python", "curl", "openai-node", "127.0.0.1")


class Spent(NamedTuple):
    """The relay, and the file that it writes down its calls in."""

    relay: Relay
    ledger: Path

    @property
    def url(self) -> str:
        """Where the page is."""
        return page_of(self.relay)


def make_month(now: float) -> Iterator[Row]:
    """Calls of the last thirty days: more each day, some slow, some failed, some without tokens."""
    chance = random.Random(5)  # noqa: S311 - the same month each time
    for number in range(900):
        when = now - 60 - (29 * DAY - 3600) * (1 - number / 900) ** 1.3
        model = MODELS[min(int(chance.expovariate(0.6)), len(MODELS) - 1)]
        row = make_row(
            number,
            when,
            client=chance.choice(CLIENTS),
            asked=chance.choice([model, "gpt-4o"]),
            run=model,
            prompt=chance.randrange(200, 9000),
            completion=chance.randrange(20, 1500),
            cached=chance.randrange(200),
            reasoning=chance.randrange(20),
            first_token=chance.lognormvariate(-0.9, 0.6),
            duration=1 + chance.lognormvariate(1.2, 0.8),
            streamed=chance.random() < 0.8,
        )
        yield broken(row, chance.random())


def broken(row: Row, chance: float) -> Row:
    """Most calls go well."""
    if 0.03 < chance < 0.05:
        return row._replace(error="upstream_broken")
    if chance > 0.06:
        return row
    row = row._replace(
        prompt=None, completion=None, cached=None, reasoning=None, first_token=None, duration=0.02
    )
    if chance < 0.03:
        return row._replace(status=502, error="upstream_unreachable")
    return row._replace(status=429, error="rate_limited")


@pytest.fixture(scope="module")
def spent(lasting: Starter, tmp_path_factory: pytest.TempPathFactory) -> Spent:
    """Calls of a month; a test that adds some has a relay of its own."""
    ledger = tmp_path_factory.mktemp("month") / "ledger.sqlite3"
    write_ledger(ledger, make_month(time.time()))
    return Spent(lasting.start(*LIKE_IFLOW, f"iflow_ledger={ledger}"), ledger)


def section_of(visit: Visit) -> Locator:
    """The section."""
    return visit.page.locator("#usage")


def figure_of(visit: Visit, title: str) -> Locator:
    """One of the four figures."""
    return section_of(visit).locator("figure").filter(has_text=title)


def calls_of(visit: Visit) -> Locator:
    """The lines of the last calls."""
    return visit.page.locator("#usage-calls tbody tr")


def look_at_usage(visit: OpenVisit, url: str, span: str = "7 days", **options: object) -> Visit:
    """Open the page, go to the section, and wait until the figures of the span are drawn."""
    there = visit(url, **options)
    go_to_usage(there)
    choose(there, span)
    return there


def go_to_usage(there: Visit) -> None:
    """Scroll to the section, once all that lies before it is as high as it gets."""
    wait_until_drawn(there)
    wait_for_models(there)
    section_of(there).scroll_into_view_if_needed()


def choose(there: Visit, span: str) -> None:
    """Have another span shown."""
    section_of(there).get_by_label(span, exact=True).check()
    expect(there.page.locator("#usage-message")).to_be_hidden()
    expect(there.page.locator("#usage-found")).to_be_visible()


def cells_of(table: Locator) -> list[list[str]]:
    """The texts of a table's body."""
    rows: list[list[str]] = table.locator("tbody").evaluate(
        "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows
