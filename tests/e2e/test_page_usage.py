"""What was used, on the relay's page in Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.page_relay import page_of, wait_until_drawn
from tests.e2e.programs import HELLO, MODEL, wait_until
from tests.e2e.usage_page import (
    Spent,
    calls_of,
    cells_of,
    choose,
    figure_of,
    go_to_usage,
    look_at_usage,
    section_of,
)
from tests.e2e.usage_page import spent as spent
from tests.unit.web.spending import make_row, write_ledger

from iflow_relay.ledger.reading import Ledger
from iflow_relay.web.window import make_window

NARROW = {"viewport": {"width": 360, "height": 740}}
SIGHTS: dict[str, tuple[str, dict[str, Any]]] = {
    "light": ("7 days", {}),
    "dark": ("30 days", {"color_scheme": "dark"}),
    "narrow": ("24 hours", NARROW),
    "narrow and dark": ("30 days", {**NARROW, "color_scheme": "dark"}),
    "Chinese": ("30 天", {"locale": "zh-CN"}),
    "forced colours": ("7 days", {"forced_colors": "active"}),
}


def start_fresh(start_relay: StartRelay, ledger: Path | str, *options: str) -> str:
    """The page of a relay that writes its calls down there."""
    return page_of(start_relay(*LIKE_IFLOW, f"iflow_ledger={ledger}", *options))


def open_tables(there: Visit) -> None:
    """Show each figure's table as well."""
    there.page.evaluate(
        "for (const one of document.querySelectorAll('#usage details')) one.open = true"
    )


@pytest.mark.parametrize("sight", SIGHTS)
def test_axe_finds_nothing_to_object_to(
    visit: OpenVisit, spent: Spent, tmp_path: Path, sight: str
) -> None:
    """With every table open; a picture of the section is left with the test."""
    span, options = SIGHTS[sight]
    there = look_at_usage(visit, spent.url, span, **options)
    expect(section_of(there).locator("figure canvas").first).to_be_visible()
    picture = tmp_path / "usage.png"
    section_of(there).screenshot(path=picture)
    open_tables(there)
    assert there.find_violations() == []
    assert there.width <= there.page.evaluate("innerWidth")
    assert picture.read_bytes().startswith(b"\x89PNG")


def number(text: str) -> int:
    """A whole number as English parts its thousands."""
    return int(text.replace(",", ""))


@pytest.mark.parametrize(
    ("span", "name"), [("24 hours", "24h"), ("7 days", "7d"), ("30 days", "30d")]
)
def test_the_numbers_are_those_of_the_ledger(
    visit: OpenVisit, spent: Spent, span: str, name: str
) -> None:
    """In the tables beside the charts, in the totals, and by model."""
    there = look_at_usage(visit, spent.url, span)
    last = figure_of(there, "Tokens by").locator("tbody tr").last.get_attribute("data-key") or ""
    window = make_window(name, datetime.fromisoformat(last).timestamp())
    with Ledger(spent.ledger) as ledger:
        total = ledger.sums((), window.span)[0]
        slots = {one.keys[0]: one for one in ledger.sums((window.unit,), window.span)}
        models = {one.keys[0]: one for one in ledger.sums(("model",), window.span)}
    tokens = cells_of(figure_of(there, "Tokens by"))
    failed = cells_of(figure_of(there, "Failed calls by"))
    assert [number(row[-1]) for row in tokens] == [
        slots[slot].prompt + slots[slot].completion if slot in slots else 0 for slot in window.slots
    ]
    assert [(number(row[1]), number(row[2])) for row in failed] == [
        (slots[slot].calls, slots[slot].failed) if slot in slots else (0, 0)
        for slot in window.slots
    ]
    shown = cells_of(section_of(there).locator("#usage-models"))
    for row in shown:
        if row[0] in models:
            one = models[row[0]]
            assert [*map(number, row[1:5])] == [one.calls, one.failed, one.prompt, one.completion]
    assert sum(number(row[1]) for row in shown) == total.calls
    expect(section_of(there).locator("#usage-total")).to_contain_text(
        f"{total.calls:,}, of which failed: {total.failed:,}"
    )
    assert total.duration
    expect(section_of(there).locator("#usage-total")).to_contain_text(
        f"median {total.duration.median:.2f} s"
    )


@pytest.mark.parametrize(("span", "name"), [("24 hours", "24h"), ("30 days", "30d")])
def test_days_and_hours_are_those_of_the_relay(
    visit: OpenVisit, spent: Spent, span: str, name: str
) -> None:
    """Also where the browser is on another day: the span begins with its first day, or hour."""
    elsewhere = {"timezone_id": "America/Los_Angeles", "locale": "en-US"}
    there = look_at_usage(visit, spent.url, span, **elsewhere)
    keys = figure_of(there, "Tokens by").locator("tbody tr")
    first, last = (
        datetime.fromisoformat(str(key.get_attribute("data-key")))
        for key in (keys.first, keys.last)
    )
    assert first == datetime.fromisoformat(make_window(name, last.timestamp()).slots[0])
    begin = f"{first:%b} {first.day}, {first.year}"
    hour = f", {first.hour % 12 or 12}:00" if name == "24h" else ""
    total = section_of(there).locator("#usage-total dd").first
    assert total.inner_text().startswith(f"{begin}{hour}")


def test_each_chart_says_its_point_in_words(visit: OpenVisit, spent: Spent) -> None:
    """As the label of an image, which has a table beside it, and what is pointed at below it."""
    there = look_at_usage(visit, spent.url)
    for title, point in (
        ("Tokens by day and model", "in all. The day with most"),
        ("Time to first token by day", "Half of the calls within"),
        ("Duration by day", "99 of 100 within"),
        ("Failed calls by day", "The worst day"),
    ):
        figure = figure_of(there, title)
        image = figure.get_by_role("img")
        label = image.get_attribute("aria-label") or ""
        assert label.startswith(title)
        assert point in label
        reading = figure.locator(":scope > p")
        expect(reading).to_contain_text(point)
        image.hover()
        expect(reading).not_to_contain_text(point)
        expect(reading).to_contain_text(":")
        there.page.mouse.move(0, 0)
        expect(reading).to_contain_text(point)


def test_calls_appear_while_one_looks(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """A plain one, a stream, and one that fails: with models, tokens and times."""
    ledger = tmp_path / "ledger.sqlite3"
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={ledger}")
    there = visit(page_of(relay))
    go_to_usage(there)
    expect(there.page.get_by_text("No call has been written down yet.")).to_be_visible()
    with relay.openai() as client:
        client.chat.completions.create(**HELLO)  # type: ignore[call-overload]
    expect(calls_of(there)).to_have_count(1)
    expect(calls_of(there).first).to_contain_text("OpenAI/Python")
    with relay.openai() as client:
        list(client.chat.completions.create(**HELLO, stream=True))  # type: ignore[call-overload]
    expect(calls_of(there)).to_have_count(2)
    with relay.client() as plain:
        plain.post("/chat/completions", json={"model": MODEL})
    expect(calls_of(there)).to_have_count(3)
    expect(calls_of(there).first).to_contain_text("400 invalid request")
    newest, streamed, whole = cells_of(section_of(there).locator("#usage-calls"))
    assert (newest[-1], streamed[-1], whole[-1]) == ("no", "yes", "no")
    with Ledger(ledger) as found:
        first = found.last(3)[-1]
    assert whole[2] == MODEL
    assert whole[4] == f"{first.prompt} → {first.completion}"
    expect(section_of(there).locator("#usage-total")).to_contain_text("3, of which failed: 1")


def test_what_one_reads_stays_as_it_is_while_calls_come_in(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """The focus, what is selected, the table that is open, and how far it is scrolled."""
    now = time.time()
    ledger = write_ledger(
        tmp_path / "ledger.sqlite3",
        (make_row(n, now - 100 - n, client=f"client-{n}") for n in range(45)),
    )
    there = look_at_usage(visit, start_fresh(start_relay, ledger))
    page = there.page
    figure_of(there, "Tokens by").locator("summary").press("Enter")
    expect(figure_of(there, "Tokens by").get_by_role("table")).to_be_visible()
    page.evaluate(
        "const row = document.querySelectorAll('#usage-calls tbody tr')[20];"
        "row.scrollIntoView({block: 'center'});"
        "getSelection().selectAllChildren(row.cells[1]);"
        "window.selectedTop = () => Math.round(row.getBoundingClientRect().top);"
        "window.topBefore = window.selectedTop();"
    )
    before = there.focused, page.evaluate("document.activeElement.textContent")
    write_ledger(ledger, [make_row(100, now - 1, client="the-new-one")])
    expect(calls_of(there).first).to_contain_text("the-new-one")
    assert (there.focused, page.evaluate("document.activeElement.textContent")) == before
    assert page.evaluate("getSelection().toString()") == "client-20"
    assert page.evaluate("window.selectedTop() - window.topBefore") == 0
    expect(figure_of(there, "Tokens by").get_by_role("table")).to_be_visible()
    expect(section_of(there).locator("#usage-total")).to_contain_text("46, of which")


def watch(page: Page) -> Callable[[str], int]:
    """Counts the requests, since now, whose address holds a text."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def count(text: str) -> int:
        page.evaluate("1")  # Playwright tells of requests only while it is asked something.
        return sum(text in url for url in asked)

    return count


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_nothing_is_asked_for_out_of_sight(visit: OpenVisit, spent: Spent) -> None:
    """Neither before one scrolls there, nor while the page is hidden; the library neither."""
    there = visit("about:blank")
    page, count = there.page, watch(there.page)
    page.clock.install()
    page.goto(spent.url)
    wait_until_drawn(there)
    page.clock.run_for(60_000)
    assert (count("/ui/state") > 1, count("/ui/usage?"), count("/vendor/")) == (True, 0, 0)
    go_to_usage(there)
    expect(page.locator("#usage-found")).to_be_visible()
    assert count("/vendor/") == 2
    seen = count("/ui/usage?")
    page.clock.run_for(5_000)
    wait_until(lambda: count("/ui/usage?") > seen, "another look")
    page.evaluate(HIDE, True)
    page.wait_for_load_state("networkidle")
    seen = count("/ui/usage?")
    page.clock.run_for(60_000)
    assert count("/ui/usage?") == seen
    page.evaluate(HIDE, False)
    wait_until(lambda: count("/ui/usage?") > seen, "a look at once")


HOSTILE = "<img src=x onerror=document.title='taken'>"


def test_what_clients_call_themselves_stays_text(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """Neither as a client nor as a model, neither in the tables nor in the legend."""
    now = time.time()
    turned = "\u202egpj.exe"
    rows = (
        make_row(1, now - 2, client=HOSTILE, asked=HOSTILE, run=HOSTILE),
        make_row(2, now - 3, client=turned, asked="x" * 200, run="x" * 200, error=HOSTILE),
        make_row(3, now - 4, asked="__proto__", run="__proto__", error="__proto__"),
    )
    url = start_fresh(start_relay, write_ledger(tmp_path / "ledger.sqlite3", rows))
    there = look_at_usage(visit, url, viewport={"width": 360, "height": 740})
    open_tables(there)
    section = section_of(there)
    expect(section.locator("img")).to_have_count(0)
    expect(section.locator("[data-legend]").first).to_contain_text(HOSTILE)
    expect(calls_of(there).first).to_contain_text(HOSTILE)
    expect(section.locator("#usage-outcomes")).to_contain_text(
        "__proto__".replace("_", " ").strip()
    )
    expect(there.page).to_have_title("Working · iflow-relay")
    assert there.width <= 360
    assert there.find_violations() == []


def test_calls_are_really_named_by_their_clients(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """The same through the relay itself: a User-Agent and a model that are markup."""
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={tmp_path / 'ledger.sqlite3'}")
    there = visit(page_of(relay))
    go_to_usage(there)
    with relay.client() as client:
        client.post(
            "/chat/completions",
            json=HELLO | {"model": HOSTILE},
            headers={"User-Agent": f"{HOSTILE}/1"},
        )
    expect(calls_of(there)).to_have_count(1)
    expect(calls_of(there).first).to_contain_text("onerror=")
    expect(section_of(there).locator("img")).to_have_count(0)
    expect(there.page).to_have_title("Working · iflow-relay")


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en-GB", "The ledger is off (iflow_ledger=off)"), ("zh-CN", "账本已关闭")],
)
def test_a_ledger_that_is_off_is_told(
    visit: OpenVisit, start_relay: StartRelay, locale: str, words: str
) -> None:
    """Instead of empty charts."""
    there = visit(start_fresh(start_relay, "off"), locale=locale)
    go_to_usage(there)
    expect(there.page.locator("#usage-message")).to_contain_text(words)
    expect(there.page.locator("#usage-found")).to_be_hidden()


def test_a_ledger_that_cannot_be_read_is_told(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """In the relay's words; in Chinese with a sentence before them."""
    ledger = tmp_path / "ledger.sqlite3"
    ledger.write_bytes(b"this is no database" * 300)
    url = start_fresh(start_relay, ledger)
    for locale, words in (("en-GB", "ledger.sqlite3"), ("zh-CN", "账本无法读取。")):
        there = visit(url, locale=locale)
        go_to_usage(there)
        expect(there.page.locator("#usage-message")).to_contain_text(words)


def test_costs_are_shown_where_there_are_prices(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """In all and by model; a list that is wrong is told."""
    ledger = write_ledger(
        tmp_path / "ledger.sqlite3", [make_row(1, time.time() - 1, prompt=1_000_000, cached=0)]
    )
    relay = start_relay(*LIKE_IFLOW, f"iflow_ledger={ledger}")
    prices = relay.home / ".config" / "iflow-relay" / "prices.toml"
    prices.parent.mkdir(parents=True)
    prices.write_text(
        'currency = "USD"\n[[price]]\nmodel = "glm-*"\nprompt = 1.5\ncompletion = 0\n'
    )
    there = look_at_usage(visit, page_of(relay))
    expect(section_of(there).locator("#usage-total")).to_contain_text("$1.50")
    expect(section_of(there).locator("#usage-models")).to_contain_text("$1.50")
    prices.write_text("price = [")
    choose(there, "30 days")
    expect(section_of(there).locator("#usage-prices")).to_contain_text("prices.toml")
    expect(section_of(there).locator("#usage-total")).not_to_contain_text("$")


def test_all_of_it_can_be_used_by_keyboard(visit: OpenVisit, spent: Spent) -> None:
    """The link on top, the spans by arrows, the tables by Enter, and scrolling within them."""
    there = look_at_usage(visit, spent.url)
    page = there.page
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("link", name="Usage").press("Enter")
    expect(section_of(there).get_by_role("heading", name="Usage")).to_be_in_viewport()
    section_of(there).get_by_label("7 days").press("ArrowRight")
    expect(section_of(there).get_by_label("30 days")).to_be_checked()
    expect(page.locator("#usage-total")).to_contain_text("900, of which")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    table = figure_of(there, "Tokens by day").locator("[data-table]")
    expect(table).to_be_visible()
    page.keyboard.press("Tab")
    expect(table).to_be_focused()
    before = table.evaluate("element => element.scrollTop")
    page.keyboard.press("End")
    wait_until(lambda: table.evaluate("element => element.scrollTop") > before, "scrolling")


def test_it_speaks_chinese(visit: OpenVisit, spent: Spent) -> None:
    """The headings, the points in words, dates and errors; the other language at once."""
    there = look_at_usage(visit, spent.url, "30 天", locale="zh-CN")
    section = section_of(there)
    expect(section).to_contain_text("按日期和模型统计的 Token")
    expect(section).to_contain_text("失败的调用")
    expect(section.locator("#usage-outcomes")).to_contain_text("无法连接上游。")
    today = datetime.now()
    expect(figure_of(there, "按日期和模型")).to_contain_text(f"{today.month}月{today.day}日")
    there.page.locator("#language").click()
    expect(section).to_contain_text("Tokens by day and model")
    expect(section.locator("#usage-outcomes")).to_contain_text("upstream unreachable")


def test_without_the_charts_the_tables_remain(visit: OpenVisit, spent: Spent) -> None:
    """Where the library cannot be fetched; it is tried again with the next look."""
    there = visit("about:blank")
    there.tolerate("net::ERR_FAILED")
    there.page.route("**/ui/vendor/*.js", lambda route: route.abort())
    there.page.goto(spent.url)
    go_to_usage(there)
    figure = figure_of(there, "Tokens by day")
    expect(figure).to_contain_text("The day with most")
    expect(figure.get_by_role("img")).to_be_hidden()
    figure.locator("summary").click()
    expect(figure.get_by_role("table")).to_be_visible()


WATCH = """() => {
  window.cutOff = [];
  window.written = 0;
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const half = this.textAlign === "center" ? this.measureText(text).width / 2 : 0;
    window.written += 1;
    if (x + half > this.canvas.width) window.cutOff.push(text);
    return write.call(this, text, x, y);
  };
}"""


def test_no_number_in_a_narrow_chart_is_cut_off(
    visit: OpenVisit, start_relay: StartRelay, tmp_path: Path
) -> None:
    """Not that above the last bar either, which is the highest of thirty thin ones."""
    rows = [make_row(n, time.time() - 1, status=200 if n else 502) for n in range(13)]
    url = start_fresh(start_relay, write_ledger(tmp_path / "ledger.sqlite3", rows))
    there = look_at_usage(visit, url, viewport={"width": 320, "height": 700})
    there.page.evaluate(WATCH)
    choose(there, "30 days")
    wait_until(lambda: there.page.evaluate("window.written") > 10, "the charts")
    assert there.page.evaluate("window.cutOff") == []


def test_a_chart_is_as_wide_as_its_place(visit: OpenVisit, spent: Spent) -> None:
    """Also after the window has become narrow."""
    there = look_at_usage(visit, spent.url)
    canvas = figure_of(there, "Tokens by day").locator("[role=img] canvas")
    expect(canvas).to_be_visible()
    there.page.set_viewport_size({"width": 360, "height": 740})
    width = "canvas => canvas.getBoundingClientRect().width"
    wait_until(lambda: canvas.evaluate(width) < 330, "a narrow chart")
    assert there.width <= 360
