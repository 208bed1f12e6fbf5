"""A client that hangs up in the middle of a head leaves nothing of it in the log."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import CLIENT_KEY
from tests.e2e.wire import wire


@pytest.mark.parametrize("target", ["/v1/models", "http://example.com/"])
def test_half_a_head_is_not_logged(start_relay: StartRelay, target: str) -> None:
    """It may hold a key."""
    relay = start_relay(arguments=("-v",))
    for port in (relay.port, relay.proxy_port):
        with wire(port) as client:
            client.send(f"GET {target} HTTP/1.1\r\nAuthorization: Bearer {CLIENT_KEY}".encode())
    relay.check_it_serves()
    relay.wait_for("client disconnect")
    assert CLIENT_KEY not in relay.log()
