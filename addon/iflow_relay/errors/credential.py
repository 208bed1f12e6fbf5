"""The relay has nothing to log in with."""

from __future__ import annotations

from .base import RelayError


class CredentialError(RelayError):
    """The relay has nothing to log in with."""


class NotLoggedIn(CredentialError):
    """No key was found anywhere."""

    status = 401
    code = "not_logged_in"


class LoginRequired(CredentialError):
    """The login has ended for good: only its owner can begin another."""

    status = 401
    code = "login_required"


class SettingsInvalid(CredentialError):
    """settings.json cannot be read or understood."""

    status = 503
    code = "settings_invalid"


class CredentialRenewed(CredentialError):
    """The key was renewed while the request was out: OpenAI's SDKs send it again by themselves."""

    status = 503
    code = "credential_renewed"
    fields = ((b"Retry-After", b"1"),)


class CredentialRenewing(CredentialError):
    """The key has to be renewed, and that has not succeeded yet."""

    status = 503
    code = "credential_renewing"
    fields = ((b"Retry-After", b"5"),)
