"""Logging in with an iFlow account on the relay's page, against the simulated service."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import StartRelay
from tests.e2e.oauth_service import with_query
from tests.e2e.page_relay import (
    Visited,
    begin_oauth,
    error_of,
    outcome_of,
    page_of,
    state_of,
)
from tests.e2e.page_relay import common_visited as common_visited
from tests.e2e.page_relay import visited as visited


def follow(visit: Visit, link: Locator) -> Page:
    """The tab that the link opens."""
    with visit.context.expect_page() as opened:
        link.click()
    return opened.value


def address_of(link: Locator) -> str:
    """Where the link leads."""
    href = link.get_attribute("href")
    assert href is not None
    return href


def paste(visit: Visit, address: str) -> None:
    """Paste the address on which a browser elsewhere ended."""
    visit.page.get_by_label("Address after the login").fill(address)
    visit.page.get_by_role("button", name="Use this address").click()


def test_a_login_in_another_tab_is_noticed_by_the_page(visit: OpenVisit, visited: Visited) -> None:
    """The tab says that it can be closed; the page says until when the key is good."""
    there = visit(visited.url)
    link = begin_oauth(there)
    expect(there.page.get_by_role("timer")).to_contain_text(" left.")
    tab = follow(there, link)
    tab.locator("#agree").click()
    expect(tab.get_by_text("You can close this tab.")).to_be_visible()
    expect(outcome_of(there)).to_contain_text("Logged in with iFlow.")
    expect(state_of(there)).to_contain_text("Working")
    expect(there.page.locator("#upstream-values")).to_contain_text("Valid until")
    expect(there.page.get_by_role("button", name="Cancel")).to_be_hidden()
    there.secrets |= visited.secrets()
    written = visited.read_settings()
    assert written["selectedAuthType"] == "oauth-iflow"
    assert written["apiKey"] == visited.service.key


def test_a_login_that_is_denied_leaves_everything_as_it_was(
    visit: OpenVisit, visited: Visited
) -> None:
    """Both tabs say so."""
    there = visit(visited.url)
    there.tolerate_status(400)
    tab = follow(there, begin_oauth(there))
    tab.locator("#deny").click()
    expect(tab.get_by_role("heading")).not_to_have_text("You are logged in")
    expect(error_of(there)).not_to_be_empty()
    expect(there.page.get_by_role("button", name="Log in with iFlow")).to_be_visible()
    assert not visited.relay.settings.exists()


def test_a_login_from_another_machine_is_pasted(visit: OpenVisit, visited: Visited) -> None:
    """A foreign address ends nothing; the right one is taken after it."""
    there = visit(visited.url)
    there.tolerate_status(400)
    address = visited.service.authorize(address_of(begin_oauth(there)))
    paste(there, with_query(address, state="of-somebody-else"))
    expect(error_of(there)).not_to_be_empty()
    assert not visited.relay.settings.exists()
    paste(there, address)
    expect(outcome_of(there)).to_contain_text("Logged in with iFlow.")
    expect(there.page.get_by_role("button", name="Log in with iFlow")).to_be_focused()
    there.secrets |= visited.secrets()
    assert visited.read_settings()["apiKey"] == visited.service.key


def test_a_login_that_is_cancelled_takes_no_answer_any_more(
    visit: OpenVisit, visited: Visited
) -> None:
    """The page says so, and the focus is where another can be begun."""
    there = visit(visited.url)
    there.tolerate_status(400)
    link = begin_oauth(there)
    address = visited.service.authorize(address_of(link))
    there.page.get_by_role("button", name="Cancel").click()
    expect(outcome_of(there)).to_contain_text("The login was cancelled.")
    expect(there.page.get_by_role("button", name="Log in with iFlow")).to_be_focused()
    late = there.context.new_page()
    late.goto(address)
    expect(late.get_by_role("heading")).not_to_have_text("You are logged in")
    assert not visited.relay.settings.exists()


def test_a_service_that_fails_is_said(visit: OpenVisit, visited: Visited) -> None:
    """In both tabs, and nothing is written."""
    visited.service.behave(fault="down")
    there = visit(visited.url)
    there.tolerate_status(400, 502)
    tab = follow(there, begin_oauth(there))
    tab.locator("#agree").click()
    expect(error_of(there)).not_to_be_empty()
    assert not visited.relay.settings.exists()


def test_a_page_loaded_while_a_login_is_under_way_goes_on_with_it(
    visit: OpenVisit, visited: Visited
) -> None:
    """The link and the time left are there again."""
    there = visit(visited.url)
    first = address_of(begin_oauth(there))
    there.page.reload()
    link = there.page.get_by_role("link", name="Open iFlow's login in a new tab")
    expect(link).to_have_attribute("href", first)
    there.page.get_by_role("button", name="Cancel").click()
    expect(link).to_be_hidden()


def test_a_damaged_file_is_replaced_only_when_asked_for(
    visit: OpenVisit, start_relay: StartRelay, visited: Visited
) -> None:
    """Asked for before somebody logs in for nothing."""
    damaged = b'{"apiKey": '
    relay = start_relay(settings=damaged, environment=visited.service.environment)
    there = visit(page_of(relay))
    there.tolerate_status(409)
    there.page.get_by_label("an iFlow account (OAuth)").check()
    there.page.get_by_role("button", name="Log in with iFlow").click()
    there.page.get_by_role("button", name="Replace the file (a backup is kept)").click()
    link = there.page.get_by_role("link", name="Open iFlow's login in a new tab")
    expect(link).to_be_focused()
    assert relay.settings.read_bytes() == damaged
    follow(there, link).locator("#agree").click()
    expect(outcome_of(there)).to_contain_text("Logged in with iFlow.")
    there.secrets |= visited.secrets()
    relay.check_log(secrets=sorted(visited.secrets()))


def test_without_a_client_secret_the_page_says_why_there_is_no_such_login(
    visit: OpenVisit, start_relay: StartRelay
) -> None:
    """The reason is to be seen, and what the button is described by."""
    there = visit(page_of(start_relay(settings=None)))
    there.page.get_by_label("an iFlow account (OAuth)").check()
    button = there.page.get_by_role("button", name="Log in with iFlow")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(re.compile("IFLOW_OAUTH_CLIENT_SECRET"))
    expect(there.page.get_by_text("IFLOW_OAUTH_CLIENT_SECRET")).to_be_visible()
