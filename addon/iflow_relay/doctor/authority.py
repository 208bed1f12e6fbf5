"""Whether the certificate authority is there, good, and its owner's alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ..trust.authority import AuthorityError, NoAuthority, find_exposed, read_authority
from .verdict import Verdict, failure, ok, read_advice, warning

NAME: Final = "authority"

SOON: Final = timedelta(days=30)
"""How long before its end an authority is told of."""


def check_authority(folder: Path, now: datetime | None = None) -> Iterator[Verdict]:
    """A verdict on the authority, and one on each file whose key others may read."""
    yield _check(folder, now or datetime.now(UTC))
    for path in find_exposed(folder):
        what = f"others may read the key in {path}: with it they can pretend to be any host"
        yield warning("key file", what, f"chmod 600 {shlex.quote(str(path))}")


def _check(folder: Path, now: datetime) -> Verdict:
    try:
        authority = read_authority(folder, now)
    except NoAuthority:
        return ok(NAME, f"none in {folder} yet: the relay's first start makes one")
    except AuthorityError as error:
        return failure(NAME, *read_advice(str(error)))
    until = authority.not_after
    what = f"{authority.certificate}, good until {until.date()}"
    if until - now < SOON:
        afresh = f"move {folder} away and start the relay again: a new one is made"
        return warning(NAME, what, afresh)
    return ok(NAME, what)
