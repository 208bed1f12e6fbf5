"""How much mitmweb keeps of what it has seen, while calls come and go."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import Relay, free_port, wait_until
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

TOKEN = "0" * 32
HEADERS = {
    "Authorization": "Bearer pw",
    "X-XSRFToken": TOKEN,
    "Cookie": f"_mitmproxy_xsrf={TOKEN}; _xsrf={TOKEN}",
}


class Web:
    """mitmweb with a relay in it, and a client of its interface."""

    def __init__(self, relay: Relay, client: httpx2.Client) -> None:
        self.relay = relay
        self.client = client

    def chats(self) -> list[dict[str, Any]]:
        """The chats of its list, oldest first."""
        listed = self.client.get("/flows").raise_for_status().json()
        return [flow for flow in listed if flow["request"]["path"].endswith("/completions")]

    def full(self) -> list[bool]:
        """Which of them still have their bodies, both of them; fails where one alone is there."""
        found = []
        for flow in self.chats():
            sizes = [flow[message]["contentLength"] for message in ("request", "response")]
            assert (sizes[0] is None) is (sizes[1] is None)
            found.append(sizes[0] is not None)
        return found

    def ask(self, count: int = 1, fault: str = "", *, stream: bool = False) -> None:
        """So many calls, one after the other."""
        with self.relay.client() as client:
            for _ in range(count):
                assert chat(client, fault, stream=stream).status == 200

    def wait(self, holds: Callable[[], bool]) -> None:
        """Return once mitmweb shows it."""
        wait_until(holds, "what mitmweb shows")


@pytest.fixture
def start_web(start_relay: StartRelay) -> Iterator[Callable[[str], Web]]:
    """Starts mitmweb with a value of `iflow_keep_flows`."""
    clients: list[httpx2.Client] = []

    def start(kept: str) -> Web:
        port = free_port()
        web = ("web_open_browser=false", f"web_port={port}", "web_password=pw")
        options = (*LIKE_IFLOW, *web, f"iflow_keep_flows={kept}")
        relay = start_relay(*options, program="mitmweb")
        address = f"http://127.0.0.1:{port}"
        client = httpx2.Client(base_url=address, headers=HEADERS, trust_env=False, timeout=20)
        clients.append(client)
        return Web(relay, client)

    yield start
    for client in clients:
        client.close()


def test_the_newest_calls_keep_their_bodies(start_web: Callable[[str], Web]) -> None:
    """Of the others the list goes on telling in a line what they were; no body is said to be so."""
    web = start_web("5,1m")
    web.ask(10)
    web.ask(10, stream=True)
    web.wait(lambda: web.full() == [False] * 15 + [True] * 5)
    flows = web.chats()
    assert all(" tok" in flow["comment"] or " · stream · " in flow["comment"] for flow in flows)
    for number, said in ((0, "Content is missing."), (14, "Content is missing."), (19, "[DONE]")):
        address = f"/flows/{flows[number]['id']}/response/content/Auto.json"
        assert said in web.client.get(address).raise_for_status().json()["text"]


def test_large_bodies_make_room_earlier(start_web: Callable[[str], Web]) -> None:
    """By the bytes of all that is kept; the client gets each whole, however large."""
    web = start_web("1000,1m")
    web.ask(5, "size=400000")
    web.wait(lambda: web.full() == [False] * 3 + [True] * 2)
    with web.relay.client() as client:
        size = len(chat(client, "size=2000000").body)
    assert size > 2_000_000
    web.wait(lambda: not any(web.full()))
    web.ask()
    web.wait(lambda: web.full() == [False] * 6 + [True])


def test_a_stream_that_is_larger_than_all_that_is_kept_is_not(
    start_web: Callable[[str], Web],
) -> None:
    """Its client gets it whole, and its line says what it was."""
    web = start_web("1000,1m")
    web.ask()
    with web.relay.client() as client:
        size = len(chat(client, "size=1000000", stream=True).body)
    assert size > 1_000_000
    web.wait(lambda: len(web.chats()) == 2 and web.chats()[1]["comment"].endswith("stop"))
    first, second = web.chats()
    assert second["response"]["contentLength"] is None
    assert first["response"]["contentLength"]


def test_the_list_does_not_grow_for_ever(start_web: Callable[[str], Web]) -> None:
    """It ends at ten times as many calls."""
    web = start_web("1,1m")
    web.ask(15)
    web.wait(lambda: web.full() == [False] * 9 + [True])


def test_what_somebody_marked_stays(start_web: Callable[[str], Web]) -> None:
    """With its bodies; a mark of the relay's own is none."""
    web = start_web("2,1m")
    web.ask()
    marked = web.chats()[0]["id"]
    web.client.put(f"/flows/{marked}", json={"marked": ":star:"}).raise_for_status()
    with web.relay.client() as client:
        assert chat(client, "status=500").status == 500
    web.ask(3)
    web.wait(lambda: web.full() == [True, False, False, True, True])


def test_the_option_can_be_changed_meanwhile(start_web: Callable[[str], Web]) -> None:
    """In mitmweb's option editor; what does not fit any more goes at once."""
    web = start_web("off")
    web.ask(5)
    assert web.full() == [True] * 5
    changed = {"iflow_keep_flows": "2,1m"}
    web.client.put("/options", json=changed).raise_for_status()
    web.wait(lambda: web.full() == [False] * 3 + [True] * 2)


def test_who_looks_is_told_at_once(start_web: Callable[[str], Web]) -> None:
    """mitmweb's page hears of the bodies that went, and asks for them no more."""
    web = start_web("1,1m")
    web.ask()
    first = web.chats()[0]["id"]

    async def listen() -> dict[str, Any]:
        address = str(web.client.base_url).replace("http", "ws").rstrip("/") + "/updates"
        socket = await websocket_connect(HTTPRequest(address, headers=HEADERS))
        try:
            await asyncio.to_thread(web.ask)
            while message := await asyncio.wait_for(socket.read_message(), 20):
                told = json.loads(message)
                flow = told.get("payload", {}).get("flow", {})
                if told["type"] == "flows/update" and flow.get("id") == first:
                    return dict(flow)
        finally:
            socket.close()
        raise AssertionError("mitmweb has hung up")

    told = asyncio.run(listen())
    assert told["request"]["contentLength"] is told["response"]["contentLength"] is None
    assert told["comment"] == web.chats()[0]["comment"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_memory_stays_where_it_was(start_web: Callable[[str], Web]) -> None:
    """Once as much is kept as may be; a flow without its bodies is a few kilobytes."""
    web, fault, bodies = start_web("2000,5m"), "size=100000", 100_000
    web.ask(100, fault)
    before = memory(web.relay)
    web.ask(300, fault)
    grown = memory(web.relay) - before
    assert grown < 0.3 * 300 * bodies, f"{grown / 1e6:.1f} MB"


def memory(relay: Relay) -> int:
    """Bytes that the process holds."""
    status = Path(f"/proc/{relay.process.pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_a_file_of_flows_is_somebodys_own(start_web: Callable[[str], Web]) -> None:
    """It is loaded to be read: the calls that come meanwhile do not push it out."""
    web = start_web("1,1m")
    web.ask(2)
    web.wait(lambda: web.full() == [False, True])
    saved = web.client.get("/flows/dump").raise_for_status().content
    dropped, kept = [f for f in _flows(saved) if f.request.path.endswith("/completions")]
    assert dropped.request.raw_content is None
    assert dropped.metadata["iflow.bodies"] == "dropped"
    assert dropped.metadata["iflow.model"] == kept.metadata["iflow.model"]
    web.client.post("/flows/dump", content=saved).raise_for_status()
    web.ask(2)
    web.wait(lambda: web.full().count(True) == 2)
    assert kept.request.raw_content


def _flows(saved: bytes) -> list[http.HTTPFlow]:
    reader = FlowReader(io.BytesIO(saved))
    return [flow for flow in reader.stream() if isinstance(flow, http.HTTPFlow)]
