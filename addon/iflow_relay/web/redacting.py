"""The last line before a browser: texts that came from elsewhere lose any secret of this relay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from ..credential import Secret
from ..errors import RelayError
from ..oauth import find_client
from .inside import Inside

SHORTEST: Final = 8
"""Letters of a secret that is looked for; shorter ones occur in any text by chance."""

Redact = Callable[[str], str]
"""Masks secrets in a text."""


def make_redact(inside: Inside, environ: Mapping[str, str]) -> Redact:
    """Masks every secret that the relay holds at the moment."""
    secrets = tuple(_known_secrets(inside, environ))

    def redact(text: str) -> str:
        for secret in secrets:
            text = redact_one(text, secret)
        return text

    return redact


def redact_one(text: str, secret: Secret) -> str:
    """The text with every copy of the secret masked."""
    return secret.redact(text) if len(secret.reveal()) >= SHORTEST else text


def _known_secrets(inside: Inside, environ: Mapping[str, str]) -> Iterator[Secret]:
    config, session = inside.config, inside.session
    yield from filter(None, (config.api_key, *config.local_keys))
    with suppress(RelayError):
        yield find_client(config, environ).secret
    if key := session.found.get("api_key"):
        yield Secret(key.value)
    with suppress(RelayError):
        upstream = session.current()
        yield from filter(None, (upstream.key, upstream.tokens and upstream.tokens.refresh))
