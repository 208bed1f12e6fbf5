"""The relay's page in Chromium: what it says, in which language, and how it keeps up."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.page_relay import (
    GOOD_KEY,
    KeyForm,
    Visited,
    page_of,
    state_of,
    wait_until_drawn,
)
from tests.e2e.page_relay import common_visited as common_visited
from tests.e2e.page_relay import visited as visited
from tests.e2e.programs import CLI, HELLO, Relay, free_port, make_environment

from iflow_relay.errors import RelayError, UpstreamRefused

GONE = r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)"


def test_a_first_visit_says_that_there_is_no_key_and_how_to_log_in(
    visit: OpenVisit, visited: Visited
) -> None:
    """The state in words, iFlow's end, the form, and the set-up with the real address."""
    there = visit(visited.url)
    expect(state_of(there)).to_contain_text("Not logged in: there is no key yet.")
    expect(there.page).to_have_title("Not logged in · iflow-relay")
    expect(there.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(there.page.get_by_text("iFlow's own service closed in April 2026.")).to_be_visible()
    expect(KeyForm(there.page).known.get_by_role("option", name="DeepSeek")).to_have_count(1)
    expect(there.page.locator("#programs")).to_contain_text(f"{visited.relay.base_url}")
    expect(there.page.get_by_role("button", name="Log out …")).to_be_hidden()


def test_the_page_keeps_up_with_settings_json(visit: OpenVisit, visited: Visited) -> None:
    """Without being asked, and without taking the focus or what is being typed."""
    there = visit(visited.url)
    expect(state_of(there)).to_contain_text("Not logged in")
    model = KeyForm(there.page).model
    model.fill("half a na")
    visited.write_settings(modelName="qwen3-coder-plus")
    expect(state_of(there)).to_contain_text("Working")
    expect(there.page).to_have_title("Working · iflow-relay")
    expect(there.page.locator("#programs")).to_contain_text('model="qwen3-coder-plus"')
    expect(model).to_be_focused()
    expect(model).to_have_value("half a na")


def test_a_long_catalog_can_be_filtered(visit: OpenVisit, visited: Visited) -> None:
    """By any part of a name; how many are shown is said."""
    visited.upstream.models = [f"model-{n}" for n in range(1, 31)]
    visited.write_settings()
    there = visit(visited.url)
    rows = there.page.locator("#models-rows tr")
    expect(rows).to_have_count(30)
    there.page.get_by_label("Filter").fill("MODEL-2")
    expect(rows).to_have_count(11)
    expect(there.page.get_by_text("11 of 30 models")).to_be_visible()


def test_errors_that_clients_meet_are_shown_in_words(
    visit: OpenVisit, start_relay: StartRelay
) -> None:
    """None at first; then the newest on top."""
    relay = start_relay(settings=None)
    there = visit(page_of(relay))
    expect(there.page.get_by_text("None since the start.")).to_be_visible()
    with relay.client() as client:
        assert client.post("/chat/completions", json=HELLO).status_code == 401
    shown = there.page.locator("#troubles li")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("401 not_logged_in")
    expect(there.page.get_by_text("None since the start.")).to_be_hidden()


def test_values_that_go_before_a_login_are_named(visit: OpenVisit, start_relay: StartRelay) -> None:
    """Whoever logs in here in vain is told why."""
    relay = start_relay(*LIKE_IFLOW, environment={"IFLOW_API_KEY": GOOD_KEY})
    there = visit(page_of(relay))
    there.secrets.add(GOOD_KEY)
    words = "The key comes from the environment variable IFLOW_API_KEY, which goes before"
    expect(there.page.locator("#overrides")).to_contain_text(words)


def begin_serving(starter_home: Path, port: int) -> Relay:
    """`iflow-relay serve` on that port, in a home without credentials."""
    command = [*CLI, "serve", "--listen", f"127.0.0.1:{port}"]
    folder = starter_home.parent
    relay = Relay(command, make_environment(starter_home), folder, port=port)
    assert relay.wait_until_it_answers()
    return relay


def test_a_relay_that_ends_is_missed_and_one_that_comes_back_is_found(
    visit: OpenVisit, tmp_path: Path
) -> None:
    """The new one has another token: the page loads itself again."""
    (tmp_path / "home").mkdir()
    port = free_port()
    first = begin_serving(tmp_path / "home", port)
    try:
        there = visit(page_of(first))
        there.tolerate(GONE)
        there.tolerate_status(403)
        expect(state_of(there)).to_contain_text("Not logged in")
        first.process.kill()
        first.process.wait()
        expect(state_of(there)).to_contain_text("The relay does not answer.")
        expect(there.page).to_have_title("No answer · iflow-relay")
    finally:
        first.stop()
    second = begin_serving(tmp_path / "home", port)
    try:
        expect(state_of(there)).to_contain_text("Not logged in")
        there.page.goto("about:blank")
    finally:
        second.stop()


def test_the_page_speaks_the_browser_s_language_until_told_otherwise(
    visit: OpenVisit, visited: Visited
) -> None:
    """The choice is remembered."""
    there = visit(visited.url, locale="zh-CN")
    html, button = there.page.locator("html"), there.page.locator("#language")
    expect(html).to_have_attribute("lang", "zh-CN")
    expect(state_of(there)).to_contain_text("还没有密钥")
    expect(there.page).to_have_title("尚未登录 · iflow-relay")
    expect(button).to_have_text("English")
    button.click()
    expect(state_of(there)).to_contain_text("Not logged in: there is no key yet.")
    there.page.reload()
    expect(html).to_have_attribute("lang", "en")
    expect(state_of(there)).to_contain_text("Not logged in: there is no key yet.")


def read_words(visit: OpenVisit, url: str) -> dict[str, dict[str, str]]:
    """The texts as the page itself has them."""
    there = visit(url)
    wait_until_drawn(there)
    script = "import('/ui/words.js').then(module => module.WORDS)"
    found: dict[str, dict[str, str]] = there.page.evaluate(script)
    return found


def all_codes(kind: type[RelayError] = RelayError) -> set[str]:
    """The code of every error, but of those that stand for many."""
    return {kind.code}.union(*map(all_codes, kind.__subclasses__()))


def test_both_languages_have_every_text(visit: OpenVisit, visited: Visited) -> None:
    """With the same places to fill in, and in Chinese a sentence for every code of an error."""
    words = read_words(visit, visited.url)
    english, chinese = words["en"], words["zh"]
    common = {name: text for name, text in chinese.items() if not name.startswith("error.")}
    assert common.keys() == english.keys()
    assert [name for name in common if places(common[name]) != places(english[name])] == []
    codes = all_codes() | set(UpstreamRefused.CODES.values())
    assert {f"error.{code}" for code in codes} - chinese.keys() == set()


def places(text: str) -> set[str]:
    """The places of a text that are filled in."""
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def test_every_text_that_the_page_names_is_there(visit: OpenVisit, visited: Visited) -> None:
    """No name of a text is shown instead of it."""
    words: dict[str, Any] = read_words(visit, visited.url)["en"]
    there = visit(visited.url)
    script = "[...document.querySelectorAll('[data-word]')].map(element => element.dataset.word)"
    assert set(there.page.evaluate(script)) - words.keys() == set()


COUNT = """answer => {
  window.asked = [];
  window.fetch = async path => {
    window.asked.push([path, Date.now()]);
    if (answer === null) throw new TypeError("nobody is there");
    return {ok: true, json: async () => JSON.parse(answer)};
  };
}"""
"""Has every request answered at once, or not at all, and notes when each was made."""

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Paced:
    """A page whose clock is the test's, and whose requests do not leave it."""

    def __init__(self, there: Visit) -> None:
        self._page = there.page
        self._page.clock.install()
        self._page.reload()
        wait_until_drawn(there)
        self._page.clock.pause_at(self._page.evaluate("Date.now()") + 1000)

    def read_state(self) -> dict[str, Any]:
        """The state as the page gets it."""
        token = "document.querySelector('meta[name=relay-token]').content"
        script = f"fetch('/ui/state', {{headers: {{'X-Relay-Token': {token}}}}})"
        state: dict[str, Any] = self._page.evaluate(f"{script}.then(answer => answer.json())")
        return state

    def pauses(self, answer: dict[str, Any] | None, seconds: int) -> list[float]:
        """The seconds between the page's requests in that time, each answered like this."""
        self._page.evaluate(COUNT, None if answer is None else json.dumps(answer))
        self._page.clock.run_for(seconds * 1000)
        times = [moment for path, moment in self._page.evaluate("window.asked")]
        return [(after - before) / 1000 for before, after in pairwise(times)]

    def count(self, *, hidden: bool, seconds: int) -> int:
        """How many requests are made in that time, at whose start the page is hidden or shown."""
        self._page.evaluate("window.asked = []")
        self._page.evaluate(HIDE, hidden)
        self._page.clock.run_for(seconds * 1000)
        return int(self._page.evaluate("window.asked.length"))


def test_the_page_asks_more_often_while_a_login_is_under_way(
    visit: OpenVisit, visited: Visited
) -> None:
    """Every five seconds else."""
    paced = Paced(visit(visited.url))
    state = paced.read_state()
    assert set(paced.pauses(state, 31)) == {5}
    state["login"]["pending"] = {
        "url": "https://login.example/",
        "until": state["now"] + 300,
        "phase": "waiting",
    }
    paced.pauses(state, 5)
    assert set(paced.pauses(state, 5)) == {1}


def test_the_page_asks_less_and_less_of_a_relay_that_is_gone(
    visit: OpenVisit, visited: Visited
) -> None:
    """Up to half a minute."""
    paced = Paced(visit(visited.url))
    paced.pauses(paced.read_state(), 10)
    assert paced.pauses(None, 130) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_page_asks_for_nothing_while_nobody_sees_it(visit: OpenVisit, visited: Visited) -> None:
    """As soon as it is seen again it asks once."""
    paced = Paced(visit(visited.url))
    paced.pauses(paced.read_state(), 5)
    assert paced.count(hidden=True, seconds=120) == 0
    assert paced.count(hidden=False, seconds=1) == 1
