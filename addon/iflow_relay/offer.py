"""The models that the relay offers, as a list made without a relay that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalog import NO_LIST, named_model
from .config import Config
from .fetch import fetch_models
from .library import Library
from .refusal import read_failure, read_list
from .session import Session


def list_models(config: Config, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """The catalog's entries, from the table or from the upstream; raises RelayError."""
    library = Library()
    library.use(config.models)
    if (own := library.own_list(None)) is not None:
        return own
    upstream = Session(config, environ).current()
    if (own := library.own_list(upstream.base_url)) is not None:
        return own
    status, body = fetch_models(upstream.base_url, upstream.key, config.user_agent)
    if status < 300:
        return library.overlay().apply(read_list(body))
    entries = library.overlay().apply(named_model(upstream.model))
    if status not in NO_LIST or not entries:
        raise read_failure(status, body)
    return entries
