"""Whether the settings can be read, what they say, and who else can read them."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ..config import Config
from ..console import render_left
from ..credential import Secret, parse_base_url
from ..errors import LoginError, NotLoggedIn, SettingsInvalid
from ..session import HOW_TO_LOG_IN, Session
from ..store import COMPANIONS, CredentialStore
from .verdict import Verdict, failure, ok, read_advice, skipped, warning

LOG_IN: Final = "if that fails: iflow-relay login"

PLAIN: Final = "write it again as it was given: plain letters and digits, no quotes, no line ends"


def check_credentials(config: Config, environ: Mapping[str, str]) -> Iterator[Verdict]:
    """A line for the file, one for each value, and one for each file that others may read."""
    session = Session(config, environ)
    session.refresh()
    yield _check_file(config.settings, environ, session)
    yield from _check_values(session, config, environ)
    yield from _check_modes(config.settings)


def _check_file(path: Path, environ: Mapping[str, str], session: Session) -> Verdict:
    name = "settings file"
    try:
        present = CredentialStore(path, environ).load().present
    except ValueError as error:
        if not isinstance(session.problem, SettingsInvalid):
            needless = "mend it; for now options and environment say all that is needed"
            return warning(name, str(error), needless)
        return failure(name, str(error), "mend the file: a running relay reads it again at once")
    if present:
        return ok(name, str(path))
    return skipped(name, f"{path} is not there")


def _check_values(
    session: Session, config: Config, environ: Mapping[str, str]
) -> Iterator[Verdict]:
    """The base URL, the key and the model, each with its origin."""
    found = session.found
    if "base_url" not in found:
        return  # the file is broken, and that was said
    base_url, origin = found["base_url"]
    try:
        parse_base_url(base_url)
        yield ok("base URL", f"{base_url}, from {_short(origin)}")
        yield _check_key(session)
        yield from _check_end(session, config, environ)
    except ValueError as error:
        what, advice = read_advice(str(error))
        yield failure("base URL", f"{what} (from {_short(origin)})", advice)
    if model := found.get("model"):
        yield ok("model", f"{model.value}, from {_short(model.origin)}")
    else:
        yield ok("model", "none is named: apps name their own")


def _check_key(session: Session) -> Verdict:
    key, problem = session.found.get("api_key"), session.problem
    if key is None:
        if isinstance(problem, NotLoggedIn):
            return failure("key", problem.message.partition(": ")[0], HOW_TO_LOG_IN)
        return ok("key", "none, and on this machine none is needed")
    shown = f"{Secret(key.value).masked}, from {_short(key.origin)}"
    if problem:
        return failure("key", f"{shown}: it has blanks or letters that no header can carry", PLAIN)
    return ok("key", shown)


def _check_end(session: Session, config: Config, environ: Mapping[str, str]) -> Iterator[Verdict]:
    """How long a key that came by OAuth is good, and whether it can be renewed."""
    from ..oauth import find_client

    tokens = session.current().tokens if session.is_logged_in else None
    if tokens is None:
        return
    name = "key's end"
    left = None if tokens.expires is None else tokens.expires - time.time()
    when = "not known" if left is None else render_left(left)
    try:
        find_client(config, environ)
    except LoginError as error:
        yield warning(name, f"{when}, and it cannot be renewed: {error.message}", LOG_IN)
        return
    if left is not None and left < 0:
        yield warning(name, f"{when}: a relay renews it when it starts", LOG_IN)
    else:
        yield ok(name, f"{when}; a relay that runs renews it before")


def _check_modes(settings: Path) -> Iterator[Verdict]:
    if os.name != "posix":
        return
    for path in (settings, *(settings.with_name(name) for name, _ in COMPANIONS)):
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:
            continue
        if mode & 0o077:
            what = f"{path} has the mode {mode:04o}: others may read the key in it"
            yield warning("file mode", what, f"chmod 600 {shlex.quote(str(path))}")


def _short(origin: str) -> str:
    return "the default" if origin == "default" else origin
