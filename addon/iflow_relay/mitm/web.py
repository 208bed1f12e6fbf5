"""A password for mitmweb that its log does not complain about."""

from __future__ import annotations

import argon2


def hash_password(password: str) -> str:
    """The value of `web_password` for a password that is presented plain, as mitmweb likes it."""
    return argon2.PasswordHasher().hash(password)
