"""The relay's own calls to an upstream: few, small, and with a key only where it belongs."""

from __future__ import annotations

from .credential import BaseUrl, Secret
from .errors import UpstreamUnreachable
from .headers import user_agent
from .next_proxy import Proxy


def fetch_models(
    base_url: BaseUrl,
    key: Secret | None,
    agent: str,
    timeout: float = 15.0,
    proxy: Proxy | None = None,
) -> tuple[int, bytes]:
    """Status and body of the upstream's `GET /models`; raises UpstreamUnreachable."""
    import httpx2  # here, because it costs a start that never calls

    headers = {
        "Accept": "application/json",
        "User-Agent": user_agent(agent, base_url, "iflow-relay"),
    }
    if key:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    try:
        # No proxy from the environment: it may be this relay.
        way = httpx2.Proxy(str(proxy), auth=_login(proxy)) if proxy else None
        with httpx2.Client(trust_env=False, timeout=timeout, proxy=way) as client:
            answer = client.get(f"{base_url}/models", headers=headers)
            return answer.status_code, answer.content
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise UpstreamUnreachable(f"{base_url} cannot be reached: {reason}") from error


def _login(proxy: Proxy) -> tuple[str, str] | None:
    name, colon, password = (proxy.login.reveal() if proxy.login else "").partition(":")
    return (name, password) if colon else None
