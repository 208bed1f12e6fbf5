"""The relay's page for everybody: by keyboard, read out, in the dark, on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.page_relay import (
    GOOD_KEY,
    WRONG_KEY,
    KeyForm,
    Visited,
    begin_oauth,
    error_of,
    outcome_of,
    state_of,
    wait_for_models,
    wait_until_drawn,
)
from tests.e2e.page_relay import common_visited as common_visited
from tests.e2e.page_relay import visited as visited

NARROW = {"viewport": {"width": 360, "height": 740}}


def show_first(visit: OpenVisit, visited: Visited) -> Visit:
    """Without credentials."""
    return visit(visited.url)


def show_working(visit: OpenVisit, visited: Visited) -> Visit:
    """Logged in, with every set-up open."""
    visited.write_settings()
    there = visit(visited.url)
    wait_for_models(there)
    # They have one name, so that one closes the other.
    script = (
        "for (const one of document.querySelectorAll('details')) one.name = '', one.open = true"
    )
    there.page.evaluate(script)
    return there


def show_dark(visit: OpenVisit, visited: Visited) -> Visit:
    """Logged in, where the system is set to dark."""
    visited.write_settings()
    there = visit(visited.url, color_scheme="dark")
    wait_for_models(there)
    return there


def show_pending(visit: OpenVisit, visited: Visited) -> Visit:
    """While a login by OAuth is under way."""
    there = visit(visited.url)
    begin_oauth(there)
    return there


def show_refused(visit: OpenVisit, visited: Visited) -> Visit:
    """After a wrong key, where the system is set to dark."""
    there = visit(visited.url, color_scheme="dark")
    there.tolerate_status(400)
    KeyForm(there.page).send(visited.upstream.base_url, WRONG_KEY)
    expect(error_of(there)).not_to_be_empty()
    return there


def show_missing(visit: OpenVisit, visited: Visited) -> Visit:
    """With a field that was left out."""
    there = visit(visited.url)
    KeyForm(there.page).submit.click()
    expect(error_of(there)).not_to_be_empty()
    return there


def show_logged_in(visit: OpenVisit, visited: Visited) -> Visit:
    """After a login with an address that was repaired."""
    there = visit(visited.url)
    KeyForm(there.page).send(f"{visited.upstream.base_url}/models", GOOD_KEY)
    expect(outcome_of(there)).to_contain_text("Repaired in the base URL")
    return there


def show_question(visit: OpenVisit, visited: Visited) -> Visit:
    """With the question that comes before logging out."""
    there = show_logged_in(visit, visited)
    there.page.get_by_role("button", name="Log out …").click()
    expect(there.page.get_by_role("dialog", name="Log out?")).to_be_visible()
    return there


def show_chinese(visit: OpenVisit, visited: Visited) -> Visit:
    """In Chinese, logged in."""
    visited.write_settings()
    there = visit(visited.url, locale="zh-CN")
    wait_for_models(there)
    return there


def show_many_models(visit: OpenVisit, visited: Visited) -> Visit:
    """With a catalog that scrolls, and has long names."""
    visited.upstream.models = [f"accounts/somebody/models/a-long-name-{n}" for n in range(30)]
    return show_dark(visit, visited)


SIGHTS = (
    show_first,
    show_working,
    show_dark,
    show_pending,
    show_refused,
    show_missing,
    show_logged_in,
    show_question,
    show_chinese,
    show_many_models,
)

Show = Callable[[OpenVisit, Visited], Visit]


@pytest.mark.parametrize("show", SIGHTS)
def test_axe_finds_nothing_to_object_to(visit: OpenVisit, visited: Visited, show: Show) -> None:
    """In every state of the page; contrast is among what it measures."""
    there = show(visit, visited)
    wait_until_drawn(there)
    violations = there.find_violations()
    cancel_oauth(there)
    assert violations == []


def test_axe_does_find_what_is_wrong(visit: OpenVisit, visited: Visited) -> None:
    """Text without contrast, and a field without a label."""
    there = visit(visited.url)
    wait_until_drawn(there)
    there.page.evaluate(
        "document.getElementById('state').style.color = 'rgb(240, 240, 240)';"
        "document.querySelector('label[for=model]').remove()"
    )
    rules = {line.partition(":")[0] for line in there.find_violations()}
    assert {"color-contrast", "label"} <= rules


@pytest.mark.parametrize("show", SIGHTS)
def test_nothing_has_to_be_scrolled_sideways_at_360_pixels(
    visit: OpenVisit, visited: Visited, tmp_path: Path, show: Show
) -> None:
    """In every state; a picture of each is left with the test."""

    def visit_narrow(url: str, **options: object) -> Visit:
        return visit(url, **(NARROW | options))

    there = show(visit_narrow, visited)
    wait_until_drawn(there)
    picture = tmp_path / "narrow.png"
    there.page.screenshot(path=picture, full_page=True)
    width = there.width
    cancel_oauth(there)
    assert width <= 360
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_in_the_dark_the_page_is_dark(visit: OpenVisit, visited: Visited) -> None:
    """By the system's setting alone."""
    grounds = [visit(visited.url, color_scheme=scheme).background for scheme in ("light", "dark")]
    light, dark = [sum(read_colour(ground)) for ground in grounds]
    assert light > 3 * 230
    assert dark < 3 * 40


def read_colour(text: str) -> tuple[int, ...]:
    """The parts of `rgb(1, 2, 3)`."""
    return tuple(int(part) for part in text.removeprefix("rgb(").rstrip(")").split(","))


def test_a_login_by_keyboard_alone(visit: OpenVisit, visited: Visited) -> None:
    """Tab, letters, blanks and Enter; what was said is in a live region."""
    there = visit(visited.url)
    expect(KeyForm(there.page).known.get_by_role("option", name="DeepSeek")).to_have_count(1)
    keyboard = there.page.keyboard
    tab_to(there, "known")
    keyboard.type("Other")
    tab_to(there, "base-url")
    keyboard.type(visited.upstream.base_url)
    tab_to(there, "key")
    keyboard.type(GOOD_KEY)
    tab_to(there, "check")
    keyboard.press("Space")
    keyboard.press("Space")
    tab_to(there, "key-submit")
    keyboard.press("Enter")
    expect(there.page.get_by_role("status").filter(has_text="Logged in")).to_be_visible()
    assert there.focused == "key-submit"
    tab_to(there, "log-out", backwards=True)
    keyboard.press("Enter")
    expect(there.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(there.page.get_by_role("dialog")).to_be_hidden()
    assert there.focused == "log-out"
    assert visited.read_settings()["apiKey"] == GOOD_KEY


def tab_to(visit: Visit, wanted: str, *, backwards: bool = False) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(60):
        visit.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if visit.focused == wanted:
            return
    raise AssertionError(f"{wanted} cannot be reached by keyboard")


CONTROLS = """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
  .filter(one => one.checkVisibility() && !one.disabled)
  .filter(one => one.type !== 'radio' || one.checked)"""


def test_every_control_can_be_reached_by_keyboard_and_shows_it(
    visit: OpenVisit, visited: Visited
) -> None:
    """In the order of the document, each with an outline."""
    visited.write_settings()
    there = visit(visited.url)
    wait_for_models(there)
    count = there.page.evaluate(f"({CONTROLS})().length")
    found = []
    for _ in range(count):
        there.page.keyboard.press("Tab")
        found.append(
            there.page.evaluate(
                f"() => [({CONTROLS})().indexOf(document.activeElement),"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    assert found == [[place, "solid"] for place in range(count)]


def test_the_page_stands_still_where_motion_is_not_wanted(
    visit: OpenVisit, visited: Visited
) -> None:
    """No element changes by and by."""
    there = visit(visited.url, reduced_motion="reduce")
    wait_until_drawn(there)
    script = """[...document.querySelectorAll('*')].map(one => getComputedStyle(one)).filter(
      style => style.transitionDuration !== '0s' || style.animationName !== 'none').length"""
    assert there.page.evaluate(script) == 0


def cancel_oauth(visit: Visit) -> None:
    """Leave no login under way to the next test."""
    cancel = visit.page.get_by_role("button", name="Cancel")
    if cancel.is_visible():
        cancel.click()
        expect(cancel).to_be_hidden()


def test_the_state_is_read_out_once_for_each_change(visit: OpenVisit, visited: Visited) -> None:
    """What is drawn again and again, but is the same, is not put into the live region again."""
    there = visit(visited.url)
    expect(state_of(there)).to_contain_text("Not logged in")
    there.page.evaluate(
        "window.changes = 0;"
        "new MutationObserver(() => { window.changes += 1; })"
        ".observe(document.getElementById('state'), {childList: true, subtree: true})"
    )
    for _ in range(2):
        with there.page.expect_response("**/ui/state"):
            there.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert there.page.evaluate("window.changes") == 0
    visited.write_settings()
    expect(state_of(there)).to_contain_text("Working")
    assert there.page.evaluate("window.changes") == 1
