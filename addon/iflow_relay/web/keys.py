"""A login by key, as the page makes it: read, tried, written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from ..credential import Secret
from ..errors import LoginRefused, RelayError
from ..files import short_path
from ..keycheck import Check, check_key
from ..login.key import KeyLogin, read_key_login, write_key_login
from ..login.overrides import find_overrides
from .inside import Inside
from .notices import notices
from .redacting import redact_one


class KeyForm(NamedTuple):
    """What was filled in on the page."""

    key: str
    upstream: str | None
    base_url: str | None
    model: str | None
    check: bool
    replace_damaged: bool

    def __repr__(self) -> str:
        return f"KeyForm(…, {self.upstream!r})"  # the key is in it, perhaps in the wrong field


class KeyWritten(NamedTuple):
    """A login that was written; `checked` is accepted, unsure or skipped."""

    checked: str
    message: str
    repairs: tuple[str, ...]
    notices: tuple[str, ...]


async def log_in_by_key(inside: Inside, environ: Mapping[str, str], form: KeyForm) -> KeyWritten:
    """Try the key and write it.

    Raises LoginRefused (nothing was written), UpstreamUnreachable, SettingsDamaged,
    SettingsNotWritten.
    """
    key = Secret(form.key.strip())

    def redact(text: str) -> str:
        return redact_one(text, key)

    try:
        written = await _log_in(inside, environ, form)
    except RelayError as error:
        raise error.redact(redact) from None
    return written._replace(
        message=redact(written.message), repairs=tuple(map(redact, written.repairs))
    )


async def _log_in(inside: Inside, environ: Mapping[str, str], form: KeyForm) -> KeyWritten:
    login = read_key_login(
        key=form.key, upstream=form.upstream, base_url=form.base_url, model=form.model
    )
    check = await _check(inside, login) if form.check else None
    if check and check.result == "refused":
        raise LoginRefused(check.message, code="key_refused")
    path = inside.config.settings
    written = await asyncio.to_thread(
        write_key_login, path, login, replace_damaged=form.replace_damaged
    )
    inside.session.refresh()
    overrides = find_overrides(inside.config, environ)
    said = f"{short_path(path)} was written."
    return KeyWritten(
        check.result if check else "skipped",
        f"{check.message} {said}" if check else said,
        login.repairs,
        tuple(notices(written, overrides, model=login.model is not None)),
    )


async def _check(inside: Inside, login: KeyLogin) -> Check:
    base, agent, verification = login.base_url, inside.config.user_agent, inside.verification
    proxy = inside.next_proxy(base.scheme, base.host, base.port)

    def check() -> Check:
        context = verification.context_for(base)
        return check_key(base, login.key, login.model, agent, proxy, context=context)

    return await asyncio.to_thread(check)
