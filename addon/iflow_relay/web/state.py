"""What the page shows, as one document: of keys only the masks, of errors only their words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from .. import __version__, mark
from ..credential import Secret, parse_base_url
from ..errors import RelayError
from ..files import read_file, short_path
from ..jsontext import parse_document
from ..session import Session, Upstream
from ..settings import Sourced
from .inside import Inside
from .redacting import Redact

VALUES: Final = {"key": "api_key", "base URL": "base_url", "model": "model"}
"""What the words for a value are in the document."""


class Pending(NamedTuple):
    """The OAuth login under way; `until` in seconds since 1970, `phase` waiting or exchanging."""

    url: str
    until: float
    phase: str


class Last(NamedTuple):
    """How the last login ended; `way` is key or oauth, `when` in seconds since 1970."""

    way: str
    ok: bool
    code: str | None
    message: str
    when: float


class Logging(NamedTuple):
    """What is to be said of logins; `unavailable` is why there is none by OAuth."""

    unavailable: str | None
    pending: Pending | None
    last: Last | None


def render_state(
    inside: Inside,
    logging: Logging,
    *,
    now: float,
    can_log_out: bool,
    overrides: Mapping[str, str],
    redact: Redact,
) -> dict[str, Any]:
    """The document; `redact` masks secrets in texts that came from elsewhere.

    `overrides` says for values in words what goes before what a login writes.
    """
    config, session = inside.config, inside.session
    upstream = find_upstream(session)
    return {
        "version": __version__,
        "now": now,
        **_render_health(inside, upstream, redact),
        "upstream": _render_upstream(session, redact),
        "key": _render_key(inside, upstream, redact),
        "model": _render_model(session, redact),
        "endpoint": inside.endpoint,
        "proxy": inside.proxy,
        "hosts": [str(pattern) for pattern in config.hosts],
        "connections": dict(inside.counts),
        "local_keys": bool(config.local_keys),
        "troubles": [t._asdict() | {"message": redact(t.message)} for t in inside.troubles],
        "overrides": [
            {"value": VALUES[value], "origin": origin} for value, origin in overrides.items()
        ],
        "login": _render_logging(logging, redact),
        "settings": {"path": short_path(config.settings), "can_log_out": can_log_out},
    }


def find_upstream(session: Session) -> Upstream | None:
    """Where requests go, with what is needed for it; None where they cannot."""
    try:
        return session.current()
    except RelayError:
        return None


def can_log_out(path: Path) -> bool:
    """Whether the file holds something that a login of ours has written and nobody changed."""
    try:
        return bool(mark.ours(parse_document(read_file(path) or b"{}")))
    except (OSError, ValueError):
        return False


def _render_health(inside: Inside, upstream: Upstream | None, redact: Redact) -> dict[str, Any]:
    """Whether requests can be answered, and what stands against it or soon will."""
    problem, renewal = inside.session.problem, inside.renewal
    if problem:
        shown = {"code": problem.code, "message": redact(problem.message)}
    elif renewal.state == "refused" and renewal.is_over:
        message = renewal.message or "The key has ended and was not renewed: log in again."
        shown = {"code": "login_required", "message": redact(message)}
    else:
        return {"working": upstream is not None, "problem": None}
    return {"working": bool(problem and upstream), "problem": shown}


def _render_upstream(session: Session, redact: Redact) -> dict[str, Any] | None:
    """The base URL that was found, also where there is no key for it; None where it is none."""
    found = session.found.get("base_url")
    try:
        base_url = parse_base_url(found.value) if found else None
    except ValueError:
        # Not shown: what is no address may be a key that was put into the wrong place.
        return None
    if found is None or base_url is None:
        return None
    return {
        "base_url": redact(str(base_url)),
        "origin": found.origin,
        "is_iflow": base_url.is_iflow,
    }


def _render_key(inside: Inside, upstream: Upstream | None, redact: Redact) -> dict[str, Any] | None:
    if upstream:
        key, origin = upstream.key, upstream.origins.get("api_key", "")
    else:
        found = inside.session.found.get("api_key")
        key, origin = (Secret(found.value), found.origin) if found else (None, "")
    if key is None:
        return None
    renewal = inside.renewal
    return {
        "mask": key.masked,
        "origin": origin,
        "expires": upstream.tokens.expires if upstream and upstream.tokens else None,
        "renewal": renewal.state,
        "renewal_message": redact(renewal.message) if renewal.message else None,
    }


def _render_model(session: Session, redact: Redact) -> dict[str, str] | None:
    found: Sourced | None = session.found.get("model")
    return {"name": redact(found.value), "origin": found.origin} if found else None


def _render_logging(logging: Logging, redact: Redact) -> dict[str, Any]:
    reason, pending, last = logging
    return {
        "oauth": {"available": reason is None, "reason": redact(reason) if reason else None},
        "pending": pending._asdict() if pending else None,
        "last": last._asdict() | {"message": redact(last.message)} if last else None,
    }
