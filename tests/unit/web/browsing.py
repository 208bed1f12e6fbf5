"""A page without a proxy: the relay's state as plain values, and calls as browsers make them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.unit.doctor.reading import make_config

from iflow_relay.config import Config
from iflow_relay.headers import by_name
from iflow_relay.library import Library
from iflow_relay.next_proxy import Proxy
from iflow_relay.session import Session
from iflow_relay.troubles import Troubles
from iflow_relay.verification import Verification
from iflow_relay.web.asked import Asked, Said
from iflow_relay.web.inside import RenewalState
from iflow_relay.web.page import Page

ORIGIN = "http://127.0.0.1:8000"
OWN = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Origin": ORIGIN,
}
"""What a browser sends with a call of the page's own scripts."""

LED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""What it sends when a link of another site leads the whole tab here."""

NOW = 1_790_000_000.0


@dataclass
class Clock:
    """Seconds since 1970, moved by the test."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Renewing:
    """How the renewal of the key stands."""

    state: RenewalState = "none"
    is_over: bool = False
    message: str | None = None


@dataclass
class Plain:
    """The relay's state as a test wants it."""

    config: Config
    session: Session
    library: Library = field(default_factory=Library)
    endpoint: str | None = ORIGIN
    proxy: str | None = None
    counts: Mapping[str, int] = field(default_factory=lambda: {"tunnelled": 0, "intercepted": 0})
    troubles: Troubles = field(default_factory=Troubles)
    renewal: Renewing = field(default_factory=Renewing)
    verification: Verification = field(default_factory=Verification)
    agents: tuple[str, ...] = ()

    def agent_entries(self) -> list[dict[str, Any]]:
        """The agents by their models' names."""
        return [{"id": name, "object": "model"} for name in self.agents]

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Every way is direct."""
        return None


def make_plain(environ: Mapping[str, str] | None = None, **options: object) -> Plain:
    """A relay with these options and this environment."""
    config = make_config(**options)
    plain = Plain(config, Session(config, environ or {}))
    plain.library.use(config.models)
    return plain


class Got(NamedTuple):
    """An answer as a browser reads it."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of the error that it is."""
        code: str = self.json["error"]["code"]
        return code


class Browser:
    """Calls a page, with its token and as its own scripts do unless told otherwise."""

    def __init__(
        self,
        inside: Plain,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.inside = inside
        self.page = Page(inside, environ or {}, clock=clock or Clock())
        self.seen: list[Got] = []

    def get(self, path: str, **fields: str | None) -> Got:
        """A call that reads."""
        return self.ask("GET", path, **fields)

    def post(self, path: str, document: object = None, **fields: str | None) -> Got:
        """A call with JSON."""
        body = json.dumps({} if document is None else document).encode()
        return self.ask("POST", path, body, **{"Content-Type": "application/json"} | fields)

    def follow(self, url: str, **fields: str | None) -> Got:
        """The whole tab is led to an address of the page."""
        led = {name: LED.get(name) for name in OWN}
        return self.ask("GET", url.removeprefix(ORIGIN), **{**led, **fields})

    def ask(self, method: str, path: str, body: bytes = b"", /, **fields: str | None) -> Got:
        """Any call; a field that is None is not sent."""
        return asyncio.run(self.wait(method, path, body, **fields))

    async def wait(self, method: str, path: str, body: bytes = b"", /, **fields: str | None) -> Got:
        """The same within a loop that runs."""
        sent = {**OWN, "X-Relay-Token": self.page.token.reveal(), **fields}
        got = read_said(await self.page.answer(make_asked(method, path, body, sent)))
        self.seen.append(got)
        return got


def make_asked(
    method: str, target: str, body: bytes = b"", fields: Mapping[str, str | None] | None = None
) -> Asked:
    """A request for a target with its query."""
    path, _, query = target.partition("?")
    pairs = [
        (name.encode(), value.encode())
        for name, value in (fields or {}).items()
        if value is not None
    ]
    return Asked(method, path, query, tuple(pairs), body, ORIGIN)


def read_said(said: Said) -> Got:
    """An answer, its fields by name."""
    return Got(said.status, by_name(said.fields), said.body)


def put_settings(home: Path, **members: Any) -> Path:
    """A settings.json with these members."""
    path = home / ".iflow" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(members), "utf-8")
    return path
