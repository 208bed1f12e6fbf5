"""What the page is told of the ledger."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from tests.unit.web.browsing import NOW, Browser, make_plain
from tests.unit.web.spending import PLAIN, make_row, write_ledger

from iflow_relay.ledger.reading import Ledger
from iflow_relay.ledger.values import Row
from iflow_relay.web.usage import Look, is_good
from iflow_relay.web.usage_document import LETTERS, MODELS
from iflow_relay.web.window import make_window

KEY = "sk-0123456789abcdef"
HOUR = 3600
DAY = 86400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def browser(home: Path, path: Path) -> Browser:
    """A page of a relay that writes its calls down there."""
    return Browser(make_plain(ledger=str(path), api_key=KEY))


def usage_of(browser: Browser, span: str = "7d") -> Any:
    got = browser.get(f"/ui/usage?span={span}")
    assert got.status == 200, got.body
    return got.json


def write(path: Path, *rows: Row) -> None:
    write_ledger(path, rows)


def test_a_ledger_that_is_off_is_told(home: Path) -> None:
    """Nothing else is said, and no file is looked for."""
    usage = usage_of(Browser(make_plain(ledger="off")))
    assert usage == {"span": "7d", "unit": "day", "now": NOW, "message": None, "state": "off"}


def test_a_ledger_without_a_call_is_told(browser: Browser, path: Path) -> None:
    """Whether there is a file yet or not."""
    assert usage_of(browser)["state"] == "empty"
    write(path)
    assert usage_of(browser)["state"] == "empty"
    assert usage_of(browser, "24h")["unit"] == "hour"


@pytest.mark.parametrize("content", [b"no database at all, but quite some text", b"\0" * 4096])
def test_a_ledger_that_cannot_be_read_is_told_in_words(
    browser: Browser, path: Path, content: bytes
) -> None:
    """Which file, and what is wrong with it."""
    path.write_bytes(content)
    usage = usage_of(browser)
    assert usage["state"] == "unreadable"
    assert "ledger.sqlite3" in usage["message"]


def test_sums_are_those_of_the_ledger(browser: Browser, path: Path) -> None:
    """In all, by day, by model; what is older is left out."""
    write(
        path,
        make_row(1, NOW - 40 * DAY, prompt=7_000_000),
        make_row(2, NOW - 2 * DAY, run="a", first_token=0.1, duration=1.0),
        make_row(3, NOW - HOUR, run="b", first_token=0.3, duration=3.0),
        make_row(4, NOW - 1, run="b", status=502, error="upstream_unreachable", prompt=None),
    )
    usage = usage_of(browser)
    with Ledger(path) as ledger:
        window = make_window("7d", NOW)
        total = ledger.sums((), window.span)[0]
    assert usage["state"] == "on"
    assert usage["since"] == window.span.since
    for name in ("calls", "failed", "prompt", "completion", "cached", "reasoning"):
        assert usage["total"][name] == getattr(total, name)
        assert sum(slot[name] for slot in usage["slots"]) == getattr(total, name)
        assert sum(model[name] for model in usage["models"]) == getattr(total, name)
    assert usage["total"]["duration"] == [2.0, 3.0, 3.0]
    assert [slot["slot"] for slot in usage["slots"]] == list(window.slots)
    assert [(model["name"], sum(model["tokens"])) for model in usage["models"]] == [
        ("b", 140),
        ("a", 120),
    ]
    assert usage["outcomes"] == [{"status": "502", "error": "upstream_unreachable", "calls": 1}]


def test_the_last_fifty_calls_are_shown_newest_first(browser: Browser, path: Path) -> None:
    """Of any age; of each what the page has a column for, and nothing more."""
    write(path, *(make_row(n, NOW - DAY * n) for n in range(60)))
    last = usage_of(browser)["last"]
    assert len(last) == 50
    assert [call["time"] for call in last] == [NOW - DAY * n for n in range(50)]
    assert last[0] == {
        "client": "OpenAI/Python",
        "asked": "glm-4.7",
        "run": "glm-4.7",
        "error": "",
        "route": "chat",
        "call": f"{0:032x}",
        "time": NOW,
        "status": 200,
        "prompt": 100,
        "completion": 20,
        "first_token": 0.4,
        "duration": 2.0,
        "streamed": True,
    }


def test_the_biggest_models_are_shown_and_the_others_together(browser: Browser, path: Path) -> None:
    """However many names clients have made up."""
    write(path, *(make_row(n, NOW - 60, run=f"m-{n}", prompt=n) for n in range(200)))
    models = usage_of(browser)["models"]
    assert [model["name"] for model in models] == [
        *(f"m-{n}" for n in range(199, 199 - MODELS, -1)),
        None,
    ]
    assert models[-1]["calls"] == 200 - MODELS
    assert models[-1]["duration"] is None
    assert sum(models[-1]["tokens"]) == sum(range(200 - MODELS)) + 20 * (200 - MODELS)


def test_names_are_given_as_text_and_clipped(browser: Browser, path: Path) -> None:
    """What stands in them is the page's to write as text; a key that strayed into one is masked."""
    hostile = "<img src=x onerror=alert(1)>"
    write(
        path,
        make_row(1, NOW - 1, client=hostile, asked="x" * 200, run="x" * 200),
        make_row(2, NOW - 2, client=KEY, asked=KEY, run=KEY),
    )
    got = browser.get("/ui/usage?span=24h")
    assert got.fields["content-type"] == "application/json"
    assert got.fields["x-content-type-options"] == "nosniff"
    assert KEY.encode() not in got.body
    last = got.json["last"]
    assert last[0]["client"] == hostile
    assert last[0]["run"] == "x" * (LETTERS - 1) + "…"
    assert {model["name"] for model in got.json["models"]} == {last[0]["run"], "sk-…cdef"}


def write_prices(text: str) -> None:
    folder = platformdirs.user_config_path("iflow-relay")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prices.toml").write_text(text, "utf-8")


def test_costs_are_told_where_there_are_prices(browser: Browser, path: Path) -> None:
    """With what has none left out, and said so."""
    write_prices('currency = "CNY"\n[[price]]\nmodel = "a"\nprompt = 2.0\ncompletion = 10\n')
    million = 1_000_000
    write(
        path,
        make_row(1, NOW - 1, run="a", prompt=million, completion=million, cached=0),
        make_row(2, NOW - 2, run="b"),
    )
    usage = usage_of(browser)
    assert (usage["total"]["cost"], usage["currency"], usage["unpriced"]) == (12.0, "CNY", True)
    assert {model["name"]: model["cost"] for model in usage["models"]} == {"a": 12.0, "b": None}


@pytest.mark.parametrize(
    ("text", "problem"), [(None, False), ("price = [", True), ('[[price]]\nmodel = "a"', True)]
)
def test_without_prices_there_is_no_cost(
    browser: Browser, path: Path, text: str | None, problem: bool
) -> None:
    """A list that is wrong is told in words, and takes nothing else away."""
    if text:
        write_prices(text)
    write(path, make_row(1, NOW - 1))
    usage = usage_of(browser)
    assert usage["total"]["cost"] is None
    assert usage["total"]["calls"] == 1
    assert bool(usage["cost_problem"]) is problem


@pytest.mark.parametrize("span", ["1y", "7D", "7d%00", "8d&span=30d", "-7d"])
def test_another_span_is_refused_with_those_there_are(browser: Browser, span: str) -> None:
    """By name."""
    got = browser.get(f"/ui/usage?span={span}")
    assert (got.status, got.error) == (400, "invalid_request")
    assert "24h, 7d, 30d" in got.json["error"]["message"]


def test_a_new_call_is_among_the_last_at_once(browser: Browser, path: Path) -> None:
    """The sums may follow a little later."""
    write(path, make_row(1, NOW - 2))
    assert len(usage_of(browser)["last"]) == 1
    write(path, make_row(2, NOW - 1))
    assert len(usage_of(browser)["last"]) == 2


ROWS = [PLAIN]


@pytest.mark.parametrize(
    ("change", "age", "good"),
    [
        ({}, 1, True),
        ({}, 59, True),
        ({}, 61, False),
        ({"last": []}, 1.9, True),
        ({"last": []}, 2.1, False),
        ({"last": [], "took": 3.0}, 29, True),
        ({"last": [], "took": 3.0}, 31, False),
        ({"path": Path("other")}, 0, False),
        ({"window": make_window("7d", NOW + DAY)}, 0, False),
    ],
)
def test_sums_are_kept_for_a_while(change: dict[str, Any], age: float, good: bool) -> None:
    """Long while no call comes in; else as long as it needs to take a tenth of a core."""
    window = make_window("7d", NOW)
    look = Look(Path("p"), window, {}, ROWS, at=100.0, took=0.01)._replace(**change)
    assert is_good(look, Path("p"), window, ROWS, 100.0 + age) is good


def test_however_many_pages_ask_one_query_runs_at_a_time(
    browser: Browser, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those that ask for the same get what the first has added up."""
    write(path, *(make_row(n, NOW - n) for n in range(100)))
    running, most, added = [0], [0], [0]
    sums: Callable[..., Any] = Ledger.sums

    def watched(*given: Any, **named: Any) -> Any:
        running[0] += 1
        added[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.002)
        try:
            return sums(*given, **named)
        finally:
            running[0] -= 1

    monkeypatch.setattr(Ledger, "sums", watched)

    async def ask_often() -> list[bytes]:
        asked = [browser.wait("GET", "/ui/usage?span=30d") for _ in range(10)]
        return [got.body for got in await asyncio.gather(*asked)]

    answers = asyncio.run(ask_often())
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["total"]["calls"] == 100
    assert (most[0], added[0]) == (1, 5)
