"""Logins as the page makes them: by a key, or by OAuth, of which one at a time is under way.

Rules:
1. A new OAuth login takes the place of the one under way, whose callback then comes too late.
2. A callback with a foreign state, or with none, ends nothing: anybody can send one.
3. What is already exchanged is not written where its login was given up meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..credential import Secret
from ..errors import LoginRefused, LoginUnavailable, RelayError
from ..exchange import Login, redeem
from ..files import short_path
from ..login.logout import LoggedOut, log_out
from ..login.oauth import OAuthLogin, write_oauth_login
from ..login.overrides import find_overrides
from ..login.pasted import code_from_pasted
from ..oauth import CALLBACK_PATH, OAuthClient, find_client
from ..settings_file import change_settings
from .inside import Inside
from .notices import notices
from .state import Last, Logging, Pending

ENDING: Final = frozenset({"access_denied", "login_expired"})
"""Refusals after which there is no use in waiting on."""


@dataclass(slots=True)
class UnderWay:
    """One OAuth login; its deadline is in seconds since 1970."""

    client: OAuthClient
    login: OAuthLogin
    replace_damaged: bool
    phase: Literal["waiting", "exchanging", "over"] = "waiting"


class Logins:
    """The login under way and how the last one ended."""

    def __init__(
        self, inside: Inside, environ: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._inside = inside
        self._environ = environ
        self._clock = clock
        self._under_way: UnderWay | None = None
        self._last: Last | None = None

    def view(self) -> Logging:
        """How logins stand; one that has waited too long is given up."""
        self._give_up_late()
        under_way = self._under_way
        pending = None
        if under_way and under_way.phase != "over":
            pending = Pending(under_way.login.url, under_way.login.deadline, under_way.phase)
        return Logging(self._why_unavailable(), pending, self._last)

    async def begin(self, origin: str, *, replace_damaged: bool) -> Pending:
        """Begin an OAuth login whose callback comes to `origin`.

        Raises LoginUnavailable, and SettingsDamaged and SettingsNotWritten before somebody logs in
        for nothing.
        """
        client = find_client(self._inside.config, self._environ)
        if not replace_damaged:
            # Nothing is changed: it only tells whether something could be.
            path = self._inside.config.settings
            await asyncio.to_thread(change_settings, path, lambda document: {})
        login = OAuthLogin(client, origin + CALLBACK_PATH, clock=self._clock)
        self._under_way = UnderWay(client, login, replace_damaged)
        self._last = None
        return Pending(login.url, login.deadline, "waiting")

    async def take_callback(self, query: str) -> None:
        """Finish the login with what the service sent the browser back with; raises RelayError."""
        await self._finish(lambda login: login.take(query), ENDING | {"login_refused"})

    async def take_pasted(self, text: str) -> None:
        """Finish it with an address that a person has pasted; raises RelayError."""
        await self._finish(lambda login: code_from_pasted(text, login), ENDING)

    def cancel(self) -> None:
        """Give up the login under way."""
        self._under_way = None

    def note(self, way: Literal["key", "oauth"], message: str, error: RelayError | None) -> None:
        """Remember how a login has ended."""
        code = error.code if error else None
        self._last = Last(way, error is None, code, message, self._clock())

    async def log_out(self) -> LoggedOut:
        """Remove from the file what a login has written; raises LoginError."""
        gone = await asyncio.to_thread(log_out, self._inside.config.settings)
        self._inside.session.refresh()
        self._last = None
        return gone

    async def _finish(self, read: Callable[[OAuthLogin], Secret], ending: frozenset[str]) -> None:
        under_way = self._under_way
        if under_way is None:
            raise LoginRefused(
                "No login is under way here: begin one on the relay's page.", code="state_mismatch"
            )
        try:
            code = read(under_way.login)
        except LoginRefused as refusal:
            if refusal.code in ending and under_way.phase == "waiting":
                self._end(under_way, refusal.message, refusal)
            raise
        if under_way.phase == "over":
            raise LoginRefused("This login has ended: begin another.", code="login_cancelled")
        under_way.phase = "exchanging"
        try:
            message = await self._exchange(under_way, code)
        except RelayError as error:
            self._end(under_way, error.message, error)
            raise
        finally:
            under_way.phase = "over"
        self._end(under_way, message)

    async def _exchange(self, under_way: UnderWay, code: Secret) -> str:
        """Trade the code for a key and write it; gives what to say of it."""
        inside, client = self._inside, under_way.client
        proxy = inside.next_proxy(client.url.scheme, client.url.host, client.url.port)
        redirect = under_way.login.redirect
        verification = self._inside.verification

        def finish() -> Login:
            context = verification.context_for(client.url)
            return redeem(client, code, redirect, proxy, now=self._clock, context=context)

        login = await asyncio.to_thread(finish)
        if self._under_way is not under_way:
            raise LoginRefused("This login was given up meanwhile.", code="login_cancelled")
        path = inside.config.settings
        written = await asyncio.to_thread(
            write_oauth_login, path, login, replace_damaged=under_way.replace_damaged
        )
        inside.session.refresh()
        overrides = find_overrides(inside.config, self._environ)
        who = f" as {login.account}" if login.account else ""
        done = f"Logged in{who}: the key {login.key.masked} is in {short_path(path)}."
        return " ".join((done, *notices(written, overrides, model=False)))

    def _end(self, under_way: UnderWay, message: str, error: RelayError | None = None) -> None:
        under_way.phase = "over"
        if self._under_way is under_way:
            self.note("oauth", message, error)

    def _give_up_late(self) -> None:
        under_way = self._under_way
        if under_way and under_way.phase == "waiting" and under_way.login.expired:
            late = under_way.login.give_up()
            self._end(under_way, late.message, late)

    def _why_unavailable(self) -> str | None:
        try:
            find_client(self._inside.config, self._environ)
        except LoginUnavailable as error:
            return error.message
        return None
