"""No secret ever reaches the browser or the log, whatever is done on the page."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.oauth_service import OAuthService, read_query
from tests.e2e.servers import Stub, read_request, stub
from tests.unit.web.browsing import Browser, make_plain, put_settings

from iflow_relay.troubles import Troubles

LETTERS = string.ascii_letters + string.digits + "-_.~+/="
SECRETS = st.text(LETTERS, min_size=16, max_size=40).map("~=".__add__)
"""What keys are made of; shorter ones, or words, could occur in any text by chance."""

LOCAL_KEY = "a-local-key-0123456789"
TROUBLE = "The upstream says: {key} is not {local}, and {secret} is neither."


class Echo:
    """An upstream that repeats the key in whatever it says; `status` may be changed."""

    status = 401

    def play(self, connection: object) -> None:
        data = read_request(connection)  # type: ignore[arg-type]
        key = next(
            (line for line in data.split(b"\r\n") if line.lower().startswith(b"authorization:")),
            b"nobody",
        ).decode()
        said = {"error": {"message": f"You sent {key}", "code": "no"}, "data": [{"id": key}]}
        body = json.dumps({"data": []} if self.status == 200 else said).encode()
        head = (
            f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode() + body)  # type: ignore[attr-defined]


class Story:
    """A page, its upstream and its login service; each method is something done on the page."""

    def __init__(
        self, home: Path, service: OAuthService, upstream: Stub, keys: list[str], lines: list[str]
    ) -> None:
        shutil.rmtree(home / ".iflow", ignore_errors=True)
        self.home, self.service, self.upstream, self.keys = home, service, upstream, keys
        environ = service.environment
        self.browser = Browser(make_plain(environ, local_keys=[LOCAL_KEY]), environ)
        self.lines = lines
        self.codes: list[str] = []
        self.states: list[str] = []

    def log_in(self) -> None:
        """With the check, which the upstream answers as it does."""
        self._log_in({})

    def log_in_unchecked(self) -> None:
        """Written in any case."""
        self._log_in({"check": False})

    def log_in_with_the_key_everywhere(self) -> None:
        """People paste into the wrong field."""
        key = self.keys[0]
        self._log_in({"model": key, "upstream": key})
        self._log_in({"model": key, "check": False})

    def post_rubbish(self) -> None:
        """The key where no JSON is, or no text."""
        self.browser.post("/ui/login/key", {"key": [self.keys[0]]})
        self.browser.post("/ui/login/key", [self.keys[0]])
        body = b"{" + self.keys[0].encode()
        self.browser.ask("POST", "/ui/login/key", body, **{"Content-Type": "application/json"})

    def put_by_hand(self) -> None:
        """A key, and an address that holds a password."""
        put_settings(self.home, apiKey=self.keys[1], baseUrl=f"https://me:{self.keys[2]}@h/v1")

    def damage(self) -> None:
        """A file that is no JSON, with a key in it."""
        put_settings(self.home).write_text(f'{{"apiKey": "{self.keys[1]}", ')

    def fail(self) -> None:
        """An error of the relay's that names every secret of the moment."""
        inside = self.browser.inside
        session = inside.session
        key = session.found["api_key"].value if "api_key" in session.found else ""
        message = TROUBLE.format(key=key, local=LOCAL_KEY, secret=self.service.secret)
        inside.troubles.add(502, "x", message, 0.0)
        inside.renewal.message = message
        self.browser.get("/ui/state")
        # A relay masks them itself, also those that are replaced later.
        inside.troubles, inside.renewal.message = Troubles(), None

    def log_in_by_oauth(self) -> None:
        """The whole way round, by the callback."""
        if callback := self._authorize():
            self.browser.follow(callback)
            self.browser.follow(callback)

    def paste(self) -> None:
        """The whole way round, by hand."""
        if callback := self._authorize():
            self.browser.post("/ui/login/oauth/paste", {"url": callback})
            self.browser.post("/ui/login/oauth/paste", {"url": callback})

    def break_the_service(self) -> None:
        """It answers rubbish from now on."""
        self.service.behave(fault="html", at="token")

    def log_out(self) -> None:
        """Back again."""
        self.browser.post("/ui/logout")

    def list_models(self) -> None:
        """The upstream repeats the key."""
        self.browser.get("/ui/models")

    def secrets(self) -> Iterator[str]:
        """All that must not be seen."""
        yield from (*self.keys, LOCAL_KEY, self.service.secret, *self.codes)
        yield from (*self.service.valid_keys, *self.service.access_tokens)
        yield from self.service.refresh_tokens

    def _log_in(self, members: dict[str, object]) -> None:
        form = {"key": self.keys[0], "base_url": self.upstream.base_url, "replace_damaged": True}
        self.browser.post("/ui/login/key", form | members)

    def _authorize(self) -> str | None:
        got = self.browser.post("/ui/login/oauth")
        if got.status != 200:
            return None
        url = got.json["url"]
        before = len(self.lines)
        callback = self.service.authorize(url)
        del self.lines[before:]  # the browser's own, which is none of ours
        self.codes.append(read_query(callback)["code"])
        self.states.append(read_query(url)["state"])
        return callback


ACTIONS: dict[str, Callable[[Story], None]] = {
    name: action
    for name, action in vars(Story).items()
    if callable(action) and not name.startswith("_") and name != "secrets"
}


@contextlib.contextmanager
def log_of() -> Iterator[list[str]]:
    """Every line that anybody logs meanwhile, at any level."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter().format(record))

    root, keeping = logging.getLogger(), Keeping()
    before = root.level
    root.addHandler(keeping)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(keeping)
        root.setLevel(before)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    keys=st.lists(SECRETS, min_size=3, max_size=3, unique=True),
    actions=st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=6),
    status=st.sampled_from([200, 401, 500]),
)
def test_no_secret_is_ever_seen(
    home: Path, keys: list[str], actions: list[str], status: int
) -> None:
    """Neither by the page, nor by whoever reads the log; the token only within the page itself."""
    echo = Echo()
    echo.status = status
    with OAuthService() as service, stub(echo.play) as upstream, log_of() as lines:
        story = Story(home, service, upstream, keys, lines)
        for name in actions:
            ACTIONS[name](story)
            story.browser.get("/ui/state")
        browser = story.browser
        seen = [json.dumps(got.fields) + got.body.decode() for got in browser.seen]
        for secret in story.secrets():
            assert not [text for text in (*seen, *lines) if secret in text]
        for secret in (browser.page.token.reveal(), *story.states):
            without_urls = [text for text in seen if "/oauth?" not in text]
            assert not [text for text in (*without_urls, *lines) if secret in text]
