"""What an OAuth login leaves beside the key: the token that renews it, and until when it is good.

Two styles were seen: members of settings.json (`oauth_refresh_token`, `oauth_expires_at`: ISO 8601,
in local time where it names no zone), which is also what the relay writes, and the CLI's own
`oauth_creds.json` (`refresh_token`, `expiry_date`: milliseconds since 1970).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeGuard

from . import mark
from .credential import Secret
from .jsonedit import GONE

SETTINGS: Final = "settings.json"
CLI_FILE: Final = "oauth_creds.json"

AUTH_TYPE: Final = "oauth-iflow"
"""What `selectedAuthType` says where the key in settings.json came by OAuth."""


class Tokens(NamedTuple):
    """The token that renews a key; `expires` in seconds since 1970, `place` the file's name.

    `marked` tells that a login of ours wrote key and base URL, and both are as it left them.
    """

    refresh: Secret
    expires: float | None
    place: str
    marked: bool = False


class Held(NamedTuple):
    """A key that can be renewed, with what renews it."""

    key: Secret
    tokens: Tokens


def read_settings(document: Mapping[str, Any]) -> Tokens | None:
    """The token in settings.json; None where its key is of another kind, or there is none."""
    if mark.MEMBER in document and "apiKey" not in mark.ours(document):
        return None  # somebody has put a key of their own in the place of ours
    kind = document.get("selectedAuthType")
    refresh = document.get("oauth_refresh_token")
    if kind not in (None, AUTH_TYPE) or not _is_text(refresh):
        return None
    expires = parse_date(document.get("oauth_expires_at"))
    marked = {"apiKey", "baseUrl"} <= mark.ours(document)
    return Tokens(Secret(refresh.strip()), expires, SETTINGS, marked)


def read_cli_file(document: Mapping[str, Any]) -> Tokens | None:
    """The token in the CLI's own file."""
    refresh, date = document.get("refresh_token"), document.get("expiry_date")
    if not _is_text(refresh):
        return None
    known = not isinstance(date, bool) and isinstance(date, int | float)
    return Tokens(Secret(refresh.strip()), float(date or 0) / 1000 if known else None, CLI_FILE)


def settings_members(
    key: Secret, access: Secret, refresh: Secret, expires: float | None
) -> dict[str, object]:
    """The members of settings.json that a login or a renewal sets.

    An end that is not known is GONE: an old one beside a new key would end it at once.
    """
    members: dict[str, object] = {
        "apiKey": key.reveal(),
        "oauth_access_token": access.reveal(),
        "oauth_refresh_token": refresh.reveal(),
    }
    return members | {"oauth_expires_at": render_date(expires) if expires else GONE}


def cli_file_members(
    key: Secret, access: Secret, refresh: Secret, expires: float | None
) -> dict[str, object]:
    """The members of the CLI's own file that a renewal sets."""
    members: dict[str, object] = {
        "access_token": access.reveal(),
        "refresh_token": refresh.reveal(),
        "apiKey": key.reveal(),
    }
    return members | {"expiry_date": int(expires * 1000) if expires else GONE}


def parse_date(text: object) -> float | None:
    """Seconds since 1970 of an ISO 8601 date; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def render_date(seconds: float) -> str:
    """The date as it is written: to the second, in UTC, with the zone."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
