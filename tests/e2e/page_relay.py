"""A relay to be visited that has no credentials, what it can log in to, and its page's parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.e2e.browser import Visit
from tests.e2e.conftest import Starter
from tests.e2e.keyed_upstream import KeyedUpstream
from tests.e2e.oauth_service import OAuthService
from tests.e2e.programs import Relay

GOOD_KEY = "sk-good-0123456789abcdef"
WRONG_KEY = "sk-wrong-fedcba9876543210"


class Visited(NamedTuple):
    """The relay, an upstream that takes one key alone, and a service that logs in."""

    relay: Relay
    upstream: KeyedUpstream
    service: OAuthService

    @property
    def url(self) -> str:
        """Where the page is."""
        return page_of(self.relay)

    def write_settings(self, **changed: object) -> None:
        """Credentials that the upstream takes, but for what is changed."""
        settings = {"apiKey": GOOD_KEY, "baseUrl": self.upstream.base_url} | changed
        self.relay.settings.write_text(json.dumps(settings))

    def read_settings(self) -> dict[str, Any]:
        """What the file holds; nothing where there is none."""
        if not self.relay.settings.exists():
            return {}
        found: dict[str, Any] = json.loads(self.relay.settings.read_text("utf-8"))
        return found

    def secrets(self) -> set[str]:
        """All that no browser may be given."""
        service = self.service
        with service.lock:
            given = service.valid_keys | {*service.access_tokens, *service.refresh_tokens}
        return {GOOD_KEY, WRONG_KEY, service.secret, *given}


def page_of(relay: Relay) -> str:
    """Where a relay's page is."""
    return f"http://127.0.0.1:{relay.port}/"


@pytest.fixture(scope="module")
def common_visited(lasting: Starter) -> Iterator[Visited]:
    """The one of a module."""
    with KeyedUpstream({GOOD_KEY}) as upstream, OAuthService() as service:
        relay = lasting.start(settings=None, environment=service.environment)
        yield Visited(relay, upstream, service)


@pytest.fixture
def visited(common_visited: Visited) -> Iterator[Visited]:
    """The same without settings.json."""
    common_visited.relay.settings.unlink(missing_ok=True)
    common_visited.service.behave()
    common_visited.upstream.models = ["glm-4.7", "qwen3-coder-plus"]
    yield common_visited
    common_visited.relay.check_log(secrets=sorted(common_visited.secrets()))
    assert common_visited.service.complaints == []


class KeyForm:
    """The form for a login by key, as a person sees it."""

    def __init__(self, page: Page) -> None:
        self.known = page.get_by_role("combobox", name="Upstream")
        self.base_url = page.get_by_label("Base URL")
        self.key = page.get_by_label("API key", exact=True)
        self.model = page.get_by_label("Default model (optional)")
        self.submit = page.get_by_role("button", name="Log in", exact=True)

    def fill(self, base_url: str, key: str) -> None:
        """Fill it in for an address that is not in the list."""
        self.known.select_option("other")
        self.base_url.fill(base_url)
        self.key.fill(key)

    def send(self, base_url: str, key: str) -> None:
        """Fill it in, and send it."""
        self.fill(base_url, key)
        self.submit.click()


def state_of(visit: Visit) -> Locator:
    """The sentence on top."""
    return visit.page.locator("#state")


def error_of(visit: Visit) -> Locator:
    """Why a login failed."""
    return visit.page.locator("#login-error")


def outcome_of(visit: Visit) -> Locator:
    """That a login succeeded."""
    return visit.page.locator("#login-outcome")


def wait_until_drawn(visit: Visit) -> None:
    """Return once the page knows how the relay is."""
    expect(visit.page.locator("#state[data-tone=plain]")).to_have_count(0)


def wait_for_models(visit: Visit) -> None:
    """Return once the catalog is there, and the set-up with a model of it."""
    expect(visit.page.locator("#models-rows tr").first).to_be_visible()


def begin_oauth(visit: Visit) -> Locator:
    """Begin a login by OAuth; gives the link to follow."""
    visit.page.get_by_label("an iFlow account (OAuth)").check()
    visit.page.get_by_role("button", name="Log in with iFlow").click()
    link = visit.page.get_by_role("link", name="Open iFlow's login in a new tab")
    expect(link).to_be_focused()
    return link
