"""A login, or what it writes, did not come about."""

from __future__ import annotations

from .base import RelayError


class LoginError(RelayError):
    """A login, or what it writes, did not come about; no client of the API ever sees it."""

    status = 400
    code = "login_refused"


class LoginRefused(LoginError):
    """Somebody said no: the upstream to the key, the login's owner, or the relay to the answer."""


class LoginUnavailable(LoginError):
    """This way of logging in cannot be gone here."""

    status = 409
    code = "oauth_unavailable"


class SettingsDamaged(LoginError):
    """settings.json is no JSON, and may not be replaced without asking."""

    status = 409
    code = "settings_damaged"


class SettingsNotWritten(LoginError):
    """The file could not be written; the old one is as it was."""

    status = 500
    code = "settings_not_written"


class LoginServiceFailed(LoginError):
    """The login service did not answer, or not as it should: another try may succeed."""

    status = 502
    code = "login_service_failed"
