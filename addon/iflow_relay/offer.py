"""The models that the relay offers, as a list made without a relay that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalog import NO_LIST, named_model
from .config import Config
from .fetch import BY_DEFAULT, fetch_models
from .library import Library
from .next_proxy import Proxy
from .refusal import read_failure, read_list
from .session import Session, Upstream
from .verification import Verification


def list_models(config: Config, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """The catalog's entries, from the table or from the upstream; raises RelayError."""
    library = Library()
    library.use(config.models)
    if (own := library.own_list(None)) is not None:
        return own
    return list_models_of(Session(config, environ).current(), library, config.user_agent)


def list_models_of(
    upstream: Upstream,
    library: Library,
    agent: str,
    proxy: Proxy | None = None,
    verification: Verification = BY_DEFAULT,
) -> list[dict[str, Any]]:
    """The same for an upstream that is known; raises RelayError."""
    if (own := library.own_list(upstream.base_url)) is not None:
        return own
    status, body = fetch_models(
        upstream.base_url, upstream.key, agent, proxy=proxy, verification=verification
    )
    if status < 300:
        return library.overlay().apply(read_list(body))
    entries = library.overlay().apply(named_model(upstream.model))
    if status not in NO_LIST or not entries:
        raise read_failure(status, body)
    return entries
