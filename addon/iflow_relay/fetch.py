"""The relay's own calls to an upstream: few, small, and with a key only where it belongs."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .credential import BaseUrl, Secret
from .errors import UpstreamUnreachable
from .headers import user_agent
from .next_proxy import Proxy
from .verification import Verification

if TYPE_CHECKING:
    import httpx2

BY_DEFAULT = Verification()


def fetch_models(
    base_url: BaseUrl,
    key: Secret | None,
    agent: str,
    timeout: float = 15.0,
    proxy: Proxy | None = None,
    verification: Verification = BY_DEFAULT,
) -> tuple[int, bytes]:
    """Status and body of the upstream's `GET /models`; raises UpstreamUnreachable."""
    context = verification.context_for(base_url)
    with reaching(base_url), open_client(base_url, key, agent, timeout, proxy, context) as client:
        answer = client.get(f"{base_url}/models")
        return answer.status_code, answer.content


@contextmanager
def open_client(
    base_url: BaseUrl,
    key: Secret | None,
    agent: str,
    timeout: float,
    proxy: Proxy | None,
    context: ssl.SSLContext | None = None,
) -> Iterator[httpx2.Client]:
    """A client that is to the upstream what the relay is; it follows no redirect."""
    import httpx2  # here, because it costs a start that never calls

    headers = {
        "Accept": "application/json",
        "User-Agent": user_agent(agent, base_url, "iflow-relay"),
    }
    if key:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    with httpx2.Client(
        headers=headers,
        proxy=render_proxy(proxy),
        verify=context or True,
        # No proxy from the environment: it may be this relay.
        trust_env=False,
        timeout=timeout,
    ) as client:
        yield client


@contextmanager
def reaching(base_url: BaseUrl) -> Iterator[None]:
    """Has what goes wrong on the way there say so; raises UpstreamUnreachable."""
    import httpx2

    try:
        yield
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise UpstreamUnreachable(f"{base_url} cannot be reached: {reason.rstrip('.')}.") from error


def render_proxy(proxy: Proxy | None) -> httpx2.Proxy | None:
    """The proxy as httpx2 takes it."""
    import httpx2

    if proxy is None:
        return None
    name, colon, password = (proxy.login.reveal() if proxy.login else "").partition(":")
    return httpx2.Proxy(str(proxy), auth=(name, password) if colon else None)
