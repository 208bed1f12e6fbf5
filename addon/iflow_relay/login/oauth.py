"""One OAuth login from its page to its callback, and what it writes."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..credential import DEFAULT_BASE_URL, BaseUrl, Secret
from ..errors import LoginRefused
from ..exchange import Login
from ..jsonedit import GONE
from ..oauth import OAuthClient, authorize_url, parse_callback
from ..settings_file import Written, change_settings
from ..tokens import AUTH_TYPE, settings_members
from .members import succeed

PATIENCE: Final = 300.0
"""Seconds after which a login is given up."""


class OAuthLogin:
    """A login that waits for its callback; any thread may bring that.

    `deadline` is by the clock that it was given, which counts seconds.
    """

    def __init__(
        self,
        client: OAuthClient,
        redirect: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self.redirect = redirect
        self.state = secrets.token_urlsafe(32)
        self.url = authorize_url(client, redirect, self.state)
        self.deadline = clock() + patience
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._used = False

    @property
    def expired(self) -> bool:
        """Whether it has waited too long."""
        return self._clock() >= self.deadline

    def take(self, query: str) -> Secret:
        """The code in a callback's query, which is given once; raises LoginRefused.

        Its code is `state_mismatch`, `access_denied` or `login_refused` as `parse_callback` has it,
        `login_used` after a callback that brought the code, `login_expired` when it is too late.
        """
        try:
            code = parse_callback(query, self.state)
        except LoginRefused as refusal:
            if refusal.code != "state_mismatch":
                self._check_open()
            raise
        with self._lock:
            self._check_open()
            self._used = True
        return code

    def give_up(self) -> LoginRefused:
        """What to say once it has waited too long."""
        minutes = f"{self._patience / 60:g} minute{'' if self._patience == 60 else 's'}"
        return LoginRefused(
            f"Nobody logged in within {minutes}: begin again.", code="login_expired"
        )

    def _check_open(self) -> None:
        if self._used:
            raise LoginRefused("This login is already done.", code="login_used")
        if self.expired:
            raise self.give_up()


def write_oauth_login(
    path: Path,
    login: Login,
    *,
    base_url: BaseUrl | None = None,
    model: str | None = None,
    replace_damaged: bool = False,
) -> Written:
    """Write what a login gave; raises SettingsDamaged and SettingsNotWritten."""
    members = _members(login, str(base_url or DEFAULT_BASE_URL), model)

    def change(document: Mapping[str, Any]) -> Mapping[str, object]:
        return succeed(document, members)

    return change_settings(path, change, replace_damaged=replace_damaged)


def _members(login: Login, base_url: str, model: str | None) -> dict[str, object]:
    """In the order of a new file; tokens of another login do not stay beside this one's."""
    key = login.key.reveal()
    return {
        "selectedAuthType": AUTH_TYPE,
        "apiKey": key,
        "searchApiKey": key,
        "baseUrl": base_url,
        **({"modelName": model} if model else {}),
        "oauth_access_token": login.access.reveal(),
        "oauth_refresh_token": GONE,
        "oauth_expires_at": GONE,
        **_renewing(login),
    }


def _renewing(login: Login) -> dict[str, object]:
    """The members that a renewal needs; none where the service gave no refresh token."""
    if login.refresh is None:
        return {}
    return settings_members(login.key, login.access, login.refresh, login.expires)
