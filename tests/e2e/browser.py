"""Chromium as the tests drive it: one for a module, and for each visit a profile of its own.

Playwright's loop runs in the thread of the tests for as long as the browser does: what needs a loop
of its own cannot be in the same module.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from tests.e2e.conftest import Starter
from tests.e2e.programs import CLIENT_KEY, make_environment

from iflow_relay.demo import KEY

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
)

NAMES = "--host-resolver-rules=MAP *.test 127.0.0.1"
"""Any name under .test is this machine, as a name server of somebody else's could say."""

PATIENCE = 20_000
"""Milliseconds for which something may be waited for."""

expect.set_options(timeout=PATIENCE)


def short_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for Chromium's own files: its socket there may have 107 letters in its path."""
    return tempfile.TemporaryDirectory(prefix="c-", ignore_cleanup_errors=True)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser, in a home of its own."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("not installed: chromium")
    flags = [flag for flag in FLAGS if flag != "--headless"]
    home = tmp_path_factory.mktemp("browser")
    with short_folder() as temporary, sync_playwright() as playwright:
        environment: dict[str, Any] = make_environment(home, {"TMPDIR": temporary})
        browser = playwright.chromium.launch(
            executable_path=program, args=[*flags, NAMES], env=environment
        )
        yield browser
        browser.close()


class Visit:
    """A page in a profile of its own, and all that was said and sent there."""

    def __init__(self, context: BrowserContext, archive: Path) -> None:
        self.context = context
        self._archive = archive
        self._said: list[str] = []
        self._faults: list[str] = []
        self._tolerated: list[str] = []
        self.secrets = {KEY, CLIENT_KEY}
        """What the browser must never be given."""
        context.set_default_timeout(PATIENCE)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._faults.append(str(error.error)))
        self.page: Page = context.new_page()

    def tolerate(self, *patterns: str) -> None:
        """Let the browser complain of these: it does of every answer that is an error."""
        self._tolerated += patterns

    def tolerate_status(self, *statuses: int) -> None:
        """Let the relay answer with these statuses."""
        self.tolerate(*(f"responded with a status of {status} " for status in statuses))

    def find_violations(self) -> list[str]:
        """What axe-core objects to, in a line each."""
        found = Axe().run(self.page, options={"resultTypes": ["violations"]})
        return [
            f"{one['id']}: {node['html']}"
            for one in found.response["violations"]
            for node in one["nodes"]
        ]

    @property
    def width(self) -> int:
        """How wide the document is, in CSS pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    @property
    def background(self) -> str:
        """The colour that the page is on."""
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    @property
    def focused(self) -> str:
        """The id of the element that has the focus."""
        return str(self.page.evaluate("document.activeElement.id"))

    def close(self) -> None:
        """End it; fails where the page broke, complained, or was given a secret."""
        documents = [page.content() for page in self.context.pages]
        self.context.close()
        complaints = [text for text in self._said if not self._may_say(text)]
        assert not self._faults + complaints, self._faults + complaints
        seen = "\n".join((*documents, *self._said, *read_answers(self._archive)))
        given = [secret for secret in self.secrets if secret in seen]
        assert not given, given

    def _hear(self, message: ConsoleMessage) -> None:
        # Asked for by the browser of whatever site has none; the relay's own page has one.
        if not message.location["url"].endswith("/favicon.ico"):
            self._said.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _may_say(self, text: str) -> bool:
        return any(re.search(pattern, text) for pattern in self._tolerated)


def read_answers(archive: Path) -> Iterator[str]:
    """The head and the body of every answer in an HTTP archive, as text."""
    for entry in json.loads(archive.read_text("utf-8"))["log"]["entries"]:
        answer = entry["response"]
        yield json.dumps(answer["headers"])
        text = answer["content"].get("text", "")
        encoded = answer["content"].get("encoding") == "base64"
        yield b64decode(text).decode("utf-8", "replace") if encoded else text


class OpenVisit(Protocol):
    """Opens an address in a new profile; `options` are those of Playwright's contexts."""

    def __call__(self, url: str, **options: Any) -> Visit: ...


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path, starter: Starter) -> Iterator[OpenVisit]:
    """Opens addresses; each visit is checked, and ended before the relays of the test are."""
    visits: list[Visit] = []

    def open_visit(url: str, **options: Any) -> Visit:
        archive = tmp_path / f"visit-{len(visits)}.har"
        recorded: dict[str, Any] = {"record_har_path": archive, "record_har_content": "embed"}
        visits.append(Visit(chromium.new_context(**recorded, **options), archive))
        visits[-1].page.goto(url)
        return visits[-1]

    yield open_visit
    for one in visits:
        one.close()
