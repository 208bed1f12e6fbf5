"""What `iflow-relay login` says of the file, before anything else and when it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ..config import Config
from ..credential import BaseUrl, Secret
from ..errors import LoginRefused, SettingsDamaged
from ..keycheck import Check
from ..login.overrides import find_overrides
from ..session import Session
from ..settings_file import Written, change_settings, where
from .common import print_json
from .conversation import Conversation

OWN_PORT: Final = 8000
"""The port of a relay that is told no other."""


class Result(NamedTuple):
    """A login that was written; `account` is whose it is, where that is known."""

    written: Written
    base_url: BaseUrl
    key: Secret | None
    model: str | None
    check: Check | None = None
    account: str | None = None


def prepare(talk: Conversation, settings: Path) -> bool:
    """Say where will be written; returns whether that may replace a file that is no JSON.

    Asks where the file is a link or damaged, before anybody logs in for nothing; raises LoginError.
    """
    path, link = where(settings)
    if link:
        talk.say(f"{link} is a link: what it leads to will be written, {path}")
        if talk.asks:
            _agree(talk, "Go on?", default=True)
    else:
        talk.say(f"The login will be written to {path}")
    try:
        change_settings(settings, lambda document: {})
    except SettingsDamaged as error:
        if not talk.asks and not talk.yes:
            raise SettingsDamaged(f"{error.message} --yes replaces it.") from error
        talk.warn(error.message)
        _agree(talk, "Replace it?")
        return True
    return talk.yes


def _agree(talk: Conversation, question: str, *, default: bool = False) -> None:
    if not talk.confirm(question, default=default):
        raise LoginRefused("Nothing was written.")


def report(talk: Conversation, config: Config, result: Result) -> None:
    """Say what was written where, what goes before it, and what to do next."""
    written = result.written
    warnings = tuple(find_warnings(config, result))
    if talk.aside:
        print_json(_document(result, warnings))
        return
    who = f" as {result.account}" if result.account else ""
    key = f"with the key {result.key.masked}" if result.key else "without a key"
    talk.say(f"Logged in{who} to {result.base_url} {key}, in {written.path}.")
    if written.backup:
        talk.say(f"What was there before is kept in {written.backup}.")
    for warning in warnings:
        talk.warn(warning)
    talk.say("Next: iflow-relay serve (one that runs takes it over by itself).")


def find_warnings(config: Config, result: Result) -> Iterator[str]:
    """What stands in the way of what was written, a sentence each."""
    for word, origin in find_overrides(config, os.environ).items():
        yield f"The {word} of {origin} goes before the one that was written."
    session = Session(config, os.environ)
    session.refresh()
    key, model = session.found.get("api_key"), session.found.get("model")
    if key and not result.key:
        yield f"A key is sent along all the same, that of {key.origin}."
    listed = result.check.models if result.check else ()
    if model and listed and model.value not in listed:
        yield (
            f"The default model is {model.value} (from {model.origin}), which the upstream does "
            "not list: name another with --model."
        )
    if result.base_url.is_loopback and result.base_url.port == OWN_PORT:
        yield (
            f"Port {OWN_PORT} is the relay's own unless it is told another: "
            "iflow-relay serve --listen 127.0.0.1:8001"
        )


def _document(result: Result, warnings: tuple[str, ...]) -> dict[str, object]:
    written = result.written
    return {
        "ok": True,
        "file": str(written.path),
        "link": str(written.link) if written.link else None,
        "created": written.created,
        "backup": str(written.backup) if written.backup else None,
        "base_url": str(result.base_url),
        "key": result.key.masked if result.key else None,
        "model": result.model,
        "account": result.account,
        "check": result.check._asdict() if result.check else None,
        "warnings": warnings,
    }
