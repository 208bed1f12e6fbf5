"""How `iflow-relay login` tries a key before it is written."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..config import Config
from ..credential import BaseUrl
from ..errors import LoginRefused, UpstreamUnreachable
from ..keycheck import Check, check_key
from ..login.key import KeyLogin, read_model
from ..next_proxy import Proxy
from ..remembered import restored
from .conversation import Conversation

ANYWAY: Final = "--no-check writes a key without trying it."

OFFERED: Final = 5
"""Models of a list that are shown."""


class Tried(NamedTuple):
    """A login, and what came of trying it: None where it was not tried, or nobody answered."""

    login: KeyLogin
    check: Check | None


def try_key(talk: Conversation, config: Config, sets: Sequence[str], login: KeyLogin) -> Tried:
    """Try the key, and ask whether to go on where that tells nothing.

    Raises LoginRefused, with the code `key_refused` where the upstream does not take the key.
    """
    talk.say(f"Trying it at {login.base_url} …")
    try:
        check = _check(config, sets, login)
        if check.result == "unsure" and login.model is None:
            talk.say(check.message)
            login = login._replace(
                model=ask_model(talk, check.models, "Default model, to try the key on")
            )
            check = _check(config, sets, login) if login.model else check
    except UpstreamUnreachable as error:
        _ask_whether(talk, error.message)
        return Tried(login, None)
    if check.result == "refused":
        raise LoginRefused(check.message, code="key_refused")
    if check.result == "unsure":
        _ask_whether(talk, check.message)
    else:
        talk.say(check.message)
    return Tried(login, check)


def ask_model(talk: Conversation, models: Sequence[str], question: str) -> str | None:
    """The name of a model, if the reader has one; a few that there are come with the question."""
    if not talk.asks:
        return None
    more = ", …" if len(models) > OFFERED else ""
    some = f" ({', '.join(models[:OFFERED])}{more})" if models else ""
    while True:
        try:
            return read_model(talk.ask(f"{question}{some}:"))
        except LoginRefused as error:
            talk.warn(error.message)


def find_way(config: Config, base: BaseUrl) -> Proxy | None:
    """The proxy on the way there; raises LoginRefused where what is set for one is wrong."""
    from ..doctor.upstream import find_proxy

    try:
        return find_proxy(config.next_proxy, restored(os.environ), base)
    except ValueError as error:
        raise LoginRefused(f"The proxy that is set cannot be used: {error}.") from error


def make_context(sets: Sequence[str], base: BaseUrl) -> ssl.SSLContext | None:
    """What checks the certificate there as the relay does, if there is one to check."""
    if base.scheme != "https":
        return None
    from ..mitm import verification

    try:
        return verification.make_context(sets)
    except (OSError, ValueError) as error:
        raise LoginRefused(f"No certificate can be checked: {error}.") from error


def _check(config: Config, sets: Sequence[str], login: KeyLogin) -> Check:
    base = login.base_url
    return check_key(
        base,
        login.key,
        login.model,
        config.user_agent,
        find_way(config, base),
        context=make_context(sets, base),
    )


def _ask_whether(talk: Conversation, message: str) -> None:
    """Return if the login is to be written all the same; raises LoginRefused otherwise."""
    if not talk.asks and not talk.yes:
        raise LoginRefused(f"{message} Nothing was written. {ANYWAY}")
    talk.warn(message)
    if not talk.confirm("Write it all the same?"):
        raise LoginRefused("Nothing was written.")
