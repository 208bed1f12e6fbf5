"""A home in which somebody has logged in by OAuth, some time ago."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.keyed_upstream import KeyedUpstream
from tests.e2e.oauth_service import Granted, OAuthService

from iflow_relay import mark
from iflow_relay.credential import Secret
from iflow_relay.tokens import AUTH_TYPE, settings_members

DAY = 24 * 3600.0


def logged_in(
    granted: Granted, base_url: str, *, left: float = 20 * DAY, **more: Any
) -> dict[str, Any]:
    """settings.json as the login left it; `left` are the seconds until the key ends."""
    expires = time.time() + left
    members = settings_members(
        Secret(granted.key), Secret(granted.access), Secret(granted.refresh), expires
    )
    members |= {
        "searchApiKey": granted.key,
        "baseUrl": base_url,
        "selectedAuthType": AUTH_TYPE,
    }
    return {"theme": "Default"} | more | members | {mark.MEMBER: mark.mark(members)}


def read(path: Path) -> dict[str, Any]:
    """What a settings.json holds."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture
def service() -> Iterator[OAuthService]:
    """A login service."""
    with OAuthService() as service:
        yield service
        assert service.complaints == []


@pytest.fixture
def upstream(service: OAuthService) -> Iterator[KeyedUpstream]:
    """An upstream that takes the keys which the service has given."""
    with KeyedUpstream(service.valid_keys) as upstream:
        yield upstream
