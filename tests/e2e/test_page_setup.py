"""What the relay's page gives to copy, and the other ways to reach it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect
from tests.e2e.browser import OpenVisit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.page_relay import (
    KeyForm,
    page_of,
    state_of,
    wait_for_models,
)
from tests.e2e.page_relay import common_visited as common_visited
from tests.e2e.page_relay import visited as visited
from tests.e2e.programs import Relay, make_environment

GONE = r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)"


def test_each_program_s_set_up_can_be_copied(visit: OpenVisit, relay: Relay) -> None:
    """What is shown is what is copied, with the real address and a model of the catalog."""
    there = visit(page_of(relay), permissions=["clipboard-read", "clipboard-write"])
    wait_for_models(there)
    programs = there.page.locator("#programs details")
    expect(programs).to_have_count(8)
    for program in programs.all():
        if program.get_attribute("open") is None:
            program.locator("summary").click()
        program.get_by_role("button").click()
        expect(there.page.locator("#copied")).to_have_text("Copied")
        copied = there.page.evaluate("navigator.clipboard.readText()")
        assert copied == program.locator("pre").text_content()
        assert f"http://127.0.0.1:{relay.port}" in copied
    commands = there.page.locator("#commands")
    expect(commands).to_contain_text("iflow-relay run -- PROGRAM")
    expect(commands).to_contain_text('eval "$(iflow-relay env)"')


@pytest.mark.parametrize(
    ("title", "program"), [("curl", ["sh"]), ("Python (openai)", [sys.executable])]
)
def test_what_is_copied_runs(
    visit: OpenVisit, relay: Relay, tmp_path: Path, title: str, program: list[str]
) -> None:
    """As it stands, with nothing filled in."""
    there = visit(page_of(relay))
    wait_for_models(there)
    shown = there.page.locator("#programs details").filter(has_text=title).locator("pre")
    done = subprocess.run(
        program,
        input=shown.text_content(),
        capture_output=True,
        text=True,
        timeout=60,
        env=make_environment(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "Hello" in done.stdout


def test_the_page_is_at_iflow_internal_too(visit: OpenVisit, relay: Relay) -> None:
    """Through the proxy, where browsers give pages no clipboard; copying works all the same."""
    there = visit("http://iflow.internal/", proxy={"server": relay.proxy_url})
    there.tolerate("Cross-Origin-Opener-Policy header has been ignored")
    expect(state_of(there)).to_contain_text("Working")
    assert there.page.evaluate("typeof navigator.clipboard") == "undefined"
    expect(there.page.locator("#intercepted-values")).to_contain_text(relay.proxy_url)
    there.page.get_by_role("button", name="Copy: One shell").click()
    expect(there.page.locator("#copied")).to_have_text("Copied")
    field = KeyForm(there.page).model
    field.focus()
    there.page.keyboard.press("Control+V")
    expect(field).to_have_value('eval "$(iflow-relay env)"')


def test_where_local_keys_are_wanted_the_page_asks_for_one_and_says_so(
    visit: OpenVisit, start_relay: StartRelay
) -> None:
    """As the password that a browser asks for; the set-up has a place for it."""
    key = "a-local-key-of-mine"
    relay = start_relay(*LIKE_IFLOW, f"iflow_local_keys={key}")
    assert httpx2.get(page_of(relay), trust_env=False).status_code == 401
    there = visit(page_of(relay), http_credentials={"username": "me", "password": key})
    there.secrets.add(key)
    expect(state_of(there)).to_contain_text("Working")
    expect(there.page.locator("#programs-keys")).to_contain_text("put one of your local keys")
    curl = there.page.locator("#programs pre").filter(has_text="curl -N")
    expect(curl).to_contain_text("-H 'Authorization: Bearer your-local-key'")
