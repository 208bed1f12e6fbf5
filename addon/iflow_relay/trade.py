"""One try to trade a refresh token for a new key, with the lock that makes it the only one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .config import Config
from .errors import LoginError
from .next_proxy import Proxy
from .session import Session
from .succession import Successor, Successors, write_successor
from .tokens import Held
from .verification import Verification

LOCK_PATIENCE = 5.0
"""Seconds to wait for another process that renews; whoever waits in vain comes again."""


class Traded(NamedTuple):
    """What has come in the place of a key; `unwritten` says why a file does not hold it yet.

    Where `unfinished` says why, it is the old key still, with the refresh token that is good now.
    """

    successor: Successor
    unwritten: str | None = None
    unfinished: str | None = None


class Trader(Protocol):
    """Whose key it is, and how to get to the login service."""

    @property
    def config(self) -> Config:
        """The options of now."""

    @property
    def successors(self) -> Successors:
        """What has come after what, for all sessions."""

    @property
    def verification(self) -> Verification:
        """What is demanded of the service's certificate."""

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy on the way to a host."""


def trade(
    owner: Trader, environ: Mapping[str, str], held: Held, clock: Callable[[], float]
) -> Traded | None:
    """Renew a key; None where the files hold another by now, so that there is nothing to do.

    Raises LoginRequired, LoginUnavailable (both for good), LoginServiceFailed, SettingsNotWritten.
    """
    from .exchange import HalfRenewed, renew  # here, as most starts renew nothing
    from .oauth import find_client
    from .settings_file import hold

    config = owner.config
    client = find_client(config, environ)
    proxy = owner.next_proxy(client.url.scheme, client.url.host, client.url.port)
    context = owner.verification.context_for(client.url)
    with hold(config.settings, "renewal", patience=LOCK_PATIENCE):
        if Session(config, environ, owner.successors).current().held != held:
            return None
        tokens, unfinished = held.tokens, None
        try:
            login = renew(client, tokens.refresh, proxy, now=clock, context=context)
            refresh = login.refresh or tokens.refresh
            renewed = tokens._replace(refresh=refresh, expires=login.expires)
            successor = Successor(login.key, login.access, renewed)
        except HalfRenewed as half:
            successor = Successor(held.key, half.access, tokens._replace(refresh=half.refresh))
            unfinished = half.message
        try:
            write_successor(config.settings, held, successor)
        except LoginError as error:
            return Traded(successor, error.message, unfinished)
        return Traded(successor, None, unfinished)
