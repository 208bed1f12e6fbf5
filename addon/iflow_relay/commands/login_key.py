"""How `iflow-relay login` asks for an API key, tries it, and writes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import click

from ..config import Config
from ..errors import LoginRefused
from ..login.key import Target, read_key_login, read_target, write_key_login
from ..upstreams import CLOSED, known_upstreams
from .conversation import Conversation, until_written
from .login_report import Result, prepare, report
from .login_trial import Tried, ask_model, try_key

MAX_KEY: Final = 64 << 10
"""Bytes of standard input that are read: keys have less than two hundred."""


class Wanted(NamedTuple):
    """What the command line says of a login."""

    upstream: str | None
    base_url: str | None
    model: str | None
    key_stdin: bool
    check: bool


def log_in_by_key(talk: Conversation, config: Config, sets: Sequence[str], wanted: Wanted) -> None:
    """Ask for what the command line does not say, try the key, and write it; raises LoginError."""
    with until_written():
        replace = prepare(talk, config.settings)
        wanted, target = _find_target(talk, wanted)
        _warn_of(talk, target)
        login, check = _ask_until_taken(talk, config, sets, wanted, target)
        if login.model is None:
            models = check.models if check else ()
            login = login._replace(model=ask_model(talk, models, "Default model, if any"))
    written = write_key_login(config.settings, login, replace_damaged=replace)
    report(talk, config, Result(written, login.base_url, login.key, login.model, check))


def _find_target(talk: Conversation, wanted: Wanted) -> tuple[Wanted, Target]:
    """The upstream, asked for where it is not told."""
    if wanted.upstream or wanted.base_url or not talk.terminal or wanted.key_stdin:
        return wanted, read_target(wanted.upstream, wanted.base_url)
    talk.say("To which upstream?")
    for number, known in enumerate(known_upstreams(), 1):
        talk.say(f"  {number:2}  {known.name:15} {known.title}")
    while True:
        chosen = _read_choice(talk.ask("Number, name, or base URL:"))
        try:
            wanted = wanted._replace(upstream=chosen[0], base_url=chosen[1])
            return wanted, read_target(*chosen)
        except LoginRefused as error:
            talk.warn(error.message)


def _read_choice(text: str) -> tuple[str | None, str | None]:
    """A name or a URL of what was answered; what has a dot, colon or slash is no name."""
    known = known_upstreams()
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(known):
        return known[int(text) - 1].name, None
    return (None, text) if any(mark in text for mark in ".:/@") else (text or "?", None)


def _warn_of(talk: Conversation, target: Target) -> None:
    """What the reader should know before a key goes there."""
    base = target.base_url
    if target.repairs:
        talk.say(f"The base URL is {base} ({', '.join(target.repairs)}).")
    if base.is_iflow:
        talk.warn(f"{CLOSED}.")
    if base.scheme == "http" and not base.is_loopback:
        talk.warn(f"There is no TLS: whoever is on the way to {base.host} sees the key.")


def _ask_until_taken(
    talk: Conversation, config: Config, sets: Sequence[str], wanted: Wanted, target: Target
) -> Tried:
    """A login that the upstream takes; where the reader can be asked, again after a refusal."""
    while True:
        try:
            login = read_key_login(
                key=_read_key(talk, wanted, target),
                upstream=wanted.upstream,
                base_url=wanted.base_url,
                model=wanted.model,
            )
            return try_key(talk, config, sets, login) if wanted.check else Tried(login, None)
        except LoginRefused as error:
            if not talk.terminal or wanted.key_stdin or error.code != "key_refused":
                raise
            talk.warn(error.message)


def _read_key(talk: Conversation, wanted: Wanted, target: Target) -> str:
    """The key as it was typed or came in; empty where none is wanted and nobody can be asked."""
    if wanted.key_stdin and not talk.terminal:
        return sys.stdin.buffer.read(MAX_KEY).decode("utf-8", "replace")
    if not target.needs_key and (talk.yes or not talk.terminal) and not wanted.key_stdin:
        return ""
    if not talk.terminal:
        raise click.UsageError(
            f"{target.base_url} wants a key, and there is no terminal to ask in: give it with "
            "--api-key-stdin."
        )
    where = target.known.keys_at if target.known else None
    hint = f"not shown; made at {where}" if where else "not shown"
    return talk.ask_secret(f"API key ({hint if target.needs_key else 'Enter for none'}):")
