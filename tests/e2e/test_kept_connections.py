"""A connection to the upstream that is kept, and ends just as the next request goes out on it."""

from __future__ import annotations

import socket
import time

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import Aim
from tests.e2e.programs import Relay
from tests.e2e.servers import read_request, stub

BODY = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class ClosingDoor:
    """Answers the first request on each connection, takes the second, and hangs up on it."""

    def __init__(self, *, after: float = 0, first: int = 1) -> None:
        self.after = after
        self.first = first
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        for _ in range(self.first):
            self.requests.append(read_request(connection))
            connection.sendall(ANSWER)
        self.requests.append(read_request(connection))
        time.sleep(self.after)


def ask_twice(relay: Relay, method: str) -> list[int]:
    """The statuses of two requests on one connection to the relay."""
    with relay.client() as client:
        if method == "POST":
            return [chat(client, stream=False).status for _ in range(2)]
        return [client.request(method, "/files").status_code for _ in range(2)]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_request_that_meets_a_closing_connection_goes_out_on_another(
    aim: Aim, method: str
) -> None:
    """Its client never learns of a race that it could do nothing about."""
    with stub(door := ClosingDoor()) as server:
        assert ask_twice(aim(server.base_url), method) == [200, 200]
        assert server.connections == 2
    asked = [request for request in door.requests if request]
    assert len(asked) == 3
    assert asked[1] == asked[2]


def test_a_call_that_the_upstream_had_time_for_is_not_sent_twice(aim: Aim) -> None:
    """It may have been carried out, and paid for; that is the client's to decide."""
    with stub(door := ClosingDoor(after=0.7)) as server:
        assert ask_twice(aim(server.base_url), "POST") == [200, 502]
    assert len([request for request in door.requests if request]) == 2


def test_a_fresh_connection_that_ends_is_an_error_at_once(aim: Aim) -> None:
    """An upstream that always hangs up is asked once, and the error says so."""
    with stub(door := ClosingDoor(first=0)) as server, aim(server.base_url).client() as client:
        told = chat(client, stream=False)
    assert (told.status, told.error["code"]) == (502, "upstream_unreachable")
    assert len(door.requests) == 1
