"""Logging in by key, and out again, on the relay's page in Chromium."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from tests.e2e.browser import OpenVisit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import StartRelay
from tests.e2e.page_relay import (
    GOOD_KEY,
    WRONG_KEY,
    KeyForm,
    Visited,
    error_of,
    outcome_of,
    page_of,
    state_of,
)
from tests.e2e.page_relay import common_visited as common_visited
from tests.e2e.page_relay import visited as visited
from tests.e2e.programs import free_port

from iflow_relay.credential import Secret

GONE = r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)"


def test_a_login_with_a_wrong_and_then_the_right_key(visit: OpenVisit, visited: Visited) -> None:
    """The wrong one writes nothing; the right one works at once and leaves the page."""
    there = visit(visited.url)
    there.secrets |= visited.secrets()
    there.tolerate_status(400)
    form = KeyForm(there.page)
    form.send(visited.upstream.base_url, WRONG_KEY)
    expect(error_of(there)).not_to_be_empty()
    expect(form.key).to_be_focused()
    assert not visited.relay.settings.exists()
    form.send(visited.upstream.base_url, f"  {GOOD_KEY}\n")
    expect(outcome_of(there)).to_contain_text("Logged in: the upstream has accepted the key.")
    expect(state_of(there)).to_have_text(f"Working: requests go to {visited.upstream.base_url}.")
    expect(error_of(there)).to_be_empty()
    expect(form.key).to_have_value("")
    mask = there.page.locator("#upstream-values").get_by_text(Secret(GOOD_KEY).masked)
    expect(mask).to_be_visible()
    expect(there.page.get_by_role("row")).to_have_count(1 + len(visited.upstream.models))
    assert visited.read_settings()["apiKey"] == GOOD_KEY


def test_repairs_of_the_base_url_are_said(visit: OpenVisit, visited: Visited) -> None:
    """Both that were made."""
    there = visit(visited.url)
    address = visited.upstream.base_url.removeprefix("http://") + "/chat/completions"
    KeyForm(there.page).send(address, GOOD_KEY)
    expect(outcome_of(there)).to_contain_text("http:// put before it")
    expect(outcome_of(there)).to_contain_text("/chat/completions taken off its end")
    assert visited.read_settings()["baseUrl"] == visited.upstream.base_url


def test_a_key_for_an_upstream_that_is_away_is_written_when_asked_for(
    visit: OpenVisit, visited: Visited
) -> None:
    """The button appears with the error; the key need not be given again."""
    there = visit(visited.url)
    there.tolerate_status(502)
    KeyForm(there.page).send(f"http://127.0.0.1:{free_port()}/v1", GOOD_KEY)
    expect(error_of(there)).not_to_be_empty()
    assert not visited.relay.settings.exists()
    there.page.get_by_role("button", name="Write it all the same").click()
    expect(outcome_of(there)).to_contain_text("Logged in. The key was not checked.")
    assert visited.read_settings()["apiKey"] == GOOD_KEY


def test_a_damaged_file_is_replaced_only_when_asked_for(
    visit: OpenVisit, visited: Visited, start_relay: StartRelay
) -> None:
    """What it was is kept beside it."""
    damaged = b'{"apiKey": '
    relay = start_relay(settings=damaged)
    there = visit(page_of(relay))
    there.tolerate_status(409)
    expect(state_of(there)).to_contain_text("settings.json cannot be used")
    KeyForm(there.page).send(visited.upstream.base_url, GOOD_KEY)
    replace = there.page.get_by_role("button", name="Replace the file (a backup is kept)")
    expect(replace).to_be_visible()
    assert relay.settings.read_bytes() == damaged
    replace.click()
    expect(outcome_of(there)).to_contain_text("Logged in")
    expect(state_of(there)).to_contain_text("Working")
    kept = [path.read_bytes() for path in relay.settings.parent.glob("settings.json?*")]
    assert damaged in kept
    relay.check_log(secrets=[GOOD_KEY])


@pytest.mark.parametrize(
    ("fill", "words", "field"),
    [
        ({}, "Choose an upstream.", "known"),
        ({"known": "other"}, "Give the base URL of the upstream.", "base-url"),
        ({"known": "deepseek"}, "Give the key.", "key"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    visit: OpenVisit, visited: Visited, fill: dict[str, str], words: str, field: str
) -> None:
    """The focus goes to the field, which says so itself."""
    there = visit(visited.url)
    expect(KeyForm(there.page).known.get_by_role("option", name="DeepSeek")).to_have_count(1)
    if fill:
        KeyForm(there.page).known.select_option(fill["known"])
    KeyForm(there.page).submit.click()
    expect(error_of(there)).to_have_text(words)
    assert there.focused == field
    expect(there.page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")


def test_the_key_can_be_shown_and_hidden_while_it_is_typed(
    visit: OpenVisit, visited: Visited
) -> None:
    """It is hidden at first."""
    there = visit(visited.url)
    key, button = KeyForm(there.page).key, there.page.get_by_role("button", name="Show")
    kinds = []
    for _ in range(3):
        kinds.append((key.get_attribute("type"), button.get_attribute("aria-pressed")))
        button.click()
    assert kinds == [("password", "false"), ("text", "true"), ("password", "false")]


def test_logging_out_asks_first_and_takes_out_what_the_login_wrote(
    visit: OpenVisit, visited: Visited
) -> None:
    """What else is in the file stays; so does everything where the question is answered with no."""
    visited.relay.settings.write_text(json.dumps({"theme": "Default"}))
    there = visit(visited.url)
    KeyForm(there.page).send(visited.upstream.base_url, GOOD_KEY)
    out = there.page.get_by_role("button", name="Log out …")
    out.click()
    there.page.get_by_role("button", name="Stay logged in").click()
    expect(out).to_be_focused()
    assert visited.read_settings()["apiKey"] == GOOD_KEY
    out.click()
    there.page.get_by_role("button", name="Log out", exact=True).click()
    expect(there.page.locator("#log-out-outcome")).to_contain_text("Logged out. Taken out: ")
    expect(state_of(there)).to_contain_text("Not logged in")
    expect(there.page.get_by_role("heading", name="Upstream")).to_be_focused()
    assert visited.read_settings() == {"theme": "Default"}


def test_a_refusal_is_said_in_chinese_with_the_relay_s_own_words_below(
    visit: OpenVisit, visited: Visited
) -> None:
    """The relay's words are marked as English, for whatever reads them out."""
    there = visit(visited.url, locale="zh-CN")
    there.tolerate_status(400)
    page = there.page
    page.locator("#known").select_option("other")
    page.locator("#base-url").fill(visited.upstream.base_url)
    page.locator("#key").fill(WRONG_KEY)
    page.locator("#key-submit").click()
    expect(error_of(there)).to_contain_text("没有写入任何内容")
    expect(error_of(there).locator("small[lang=en]")).not_to_be_empty()
