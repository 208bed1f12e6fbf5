"""An app with OpenAI's model names built in, in front of an upstream with names of its own."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import Relay
from tests.e2e.servers import read_request, stub


class Upstream:
    """Lists `models` (none: 404), and answers every chat with the model that was asked for."""

    def __init__(self, *models: str, status: int = 200) -> None:
        self._models = models
        self._status = status
        self.asked: Counter[str] = Counter()

    def play(self, connection: socket.socket) -> None:
        """Answer what comes on one connection."""
        while request := read_request(connection):
            line = request.split(b"\r\n", 1)[0].decode()
            self.asked[line.rsplit(" ", 1)[0]] += 1
            status, document = self._answer(line, request.partition(b"\r\n\r\n")[2])
            body = json.dumps(document).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _answer(self, line: str, body: bytes) -> tuple[int, Any]:
        if line.startswith("GET"):
            return self._status, {"object": "list", "data": [{"id": m} for m in self._models]}
        asked = json.loads(body)["model"]
        message = {"role": "assistant", "content": "hi"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return 200, {"model": asked, "choices": choices}


def ask(relay: Relay, model: str, host: str = "https://api.openai.com/v1") -> str:
    """The model that ran."""
    with relay.intercepted(host) as client:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        answer = client.post("/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["model"]
    return found


Start = Callable[..., Relay]


@pytest.fixture
def start(start_relay: StartRelay) -> Start:
    """Starts a relay in front of an upstream."""

    def start_in_front(port: int, **settings: str) -> Relay:
        base_url = f"http://127.0.0.1:{port}/v1"
        return start_relay(settings={"apiKey": "sk-1", "baseUrl": base_url, **settings})

    return start_in_front


def test_a_foreign_name_becomes_the_first_that_the_upstream_lists(start: Start) -> None:
    """And a name that it has stays; the list is asked for once, before the first call."""
    upstream = Upstream("first", "second")
    with stub(upstream.play) as server:
        relay = start(server.port)
        with ThreadPoolExecutor(5) as pool:
            ran = list(pool.map(ask, [relay] * 5, ["gpt-4o", "second", "o3", "first", "second"]))
    assert ran == ["first", "second", "first", "first", "second"]
    assert upstream.asked == {"GET /v1/models": 1, "POST /v1/chat/completions": 5}


def test_the_model_in_settings_json_is_the_default(start: Start) -> None:
    """But what the upstream lists is known, too."""
    with stub(Upstream("first", "second").play) as server:
        relay = start(server.port, modelName="mine")
        assert [ask(relay, model) for model in ("gpt-4o", "second", "mine")] == [
            "mine",
            "second",
            "mine",
        ]


@pytest.mark.parametrize("status", [404, 500])
def test_without_a_list_and_a_default_a_name_passes(start: Start, status: int) -> None:
    """The upstream says then what it thinks of it; it is not asked for its list at each call."""
    upstream = Upstream(status=status)
    with stub(upstream.play) as server:
        relay = start(server.port)
        assert [ask(relay, "gpt-4o"), ask(relay, "gpt-4o")] == ["gpt-4o"] * 2
    assert upstream.asked["GET /v1/models"] == 1


def test_who_means_the_relay_is_not_kept_waiting(start: Start) -> None:
    """On its own host every name passes, and no list is needed."""
    upstream = Upstream("first")
    with stub(upstream.play) as server:
        assert ask(start(server.port), "gpt-4o", "http://iflow.internal/v1") == "gpt-4o"
    assert upstream.asked == {"POST /v1/chat/completions": 1}
