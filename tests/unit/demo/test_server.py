"""The server as such: connections, bodies, hang-ups, its journal, and the program."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.unit.demo.client import (
    CHAT,
    HEADERS,
    QUESTION,
    Client,
    eventually,
    on_server,
    request,
)

import iflow_relay
from iflow_relay.demo import KEY, DemoServer, start
from iflow_relay.demo.cache import Cache, CachedAnswer
from iflow_relay.demo.faults import render_table
from iflow_relay.demo.journal import Cost

SOURCE = Path(iflow_relay.__file__).parents[1]


def content(body: bytes) -> str:
    text: str = json.loads(body)["choices"][0]["message"]["content"]
    return text


def test_one_connection_serves_many_requests() -> None:
    """Streams and documents in turn, the same and others, errors between them."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            for number in range(3):
                assert (await client.ask(request(QUESTION))).status == 200
                assert (await client.ask(request(QUESTION | {"stream": True}))).chunks
                assert (await client.ask(request(QUESTION | {"seed": number}))).status == 200
                assert (await client.ask(request(b"{"))).status == 400
                assert (await client.ask(request(method="GET", path="/x"))).status == 404
        assert server.stats["connections"] == 1
        assert server.stats["requests"] == 15

    on_server(check)


def test_a_cached_answer_is_the_same_and_is_counted() -> None:
    """In one piece or in two: the bytes do not show which way they came."""

    async def check(server: DemoServer) -> None:
        data = request(QUESTION)
        async with await Client.connect(server) as client:
            first = await client.ask(data)
            again = await client.ask(data)
            client.writer.write(data[:-10])
            # Long enough for the server to see the first part alone.
            await asyncio.sleep(0.02)
            split = await client.ask(data[-10:])
        assert first.raw == again.raw == split.raw
        assert server.stats["requests"] == 3
        assert server.stats["completion_tokens"] == 12
        assert [entry["number"] for entry in server.requests] == [1, 2, 3]
        assert len({entry["body"] for entry in server.requests}) == 1

    on_server(check)


def test_two_requests_sent_at_once_are_answered_in_order() -> None:
    """Also when the first answer takes its time."""

    async def check(server: DemoServer) -> None:
        slow = request(QUESTION | {"model": "demo:delay=0.05"})
        async with await Client.connect(server) as client:
            client.writer.write(slow + request(QUESTION) + request(QUESTION))
            models = [(await client.answer()).json["model"] for _ in range(3)]
            client.writer.write(slow)
            assert await eventually(lambda: server.stats["active"] == 1)
            client.writer.write(request(QUESTION))
            models += [(await client.answer()).json["model"] for _ in range(2)]
        late, quick = "demo:delay=0.05", "qwen3-coder-plus"
        assert models == [late, quick, quick, late, quick]

    on_server(check)


@pytest.mark.parametrize("line", ["HTTP/1.1\r\nConnection: close", "HTTP/1.0"])
def test_a_connection_ends_when_the_client_wants_that(line: str) -> None:
    """The answer is whole all the same."""

    async def check(server: DemoServer) -> None:
        data = request(QUESTION).replace(b"HTTP/1.1", line.encode(), 1)
        async with await Client.connect(server) as client:
            seen = await client.ask(data)
            assert content(seen.body) == "You said: a b 河流"
            assert seen.headers["connection"] == "close"
            assert await client.reader.read() == b""
        assert server.stats["hangups"] == 0

    on_server(check)


def test_a_body_of_ten_megabytes_passes() -> None:
    """With a length, and in chunks of odd sizes."""
    image = {"type": "image_url", "image_url": {"url": "x" * 10_000_000}}
    parts = [image, {"type": "text", "text": "what is this?"}]
    body = json.dumps(QUESTION | {"messages": [{"role": "user", "content": parts}]}).encode()

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            seen = await client.ask(request(body))
            assert content(seen.body) == "You said: what is this?"
            chunked = {"Content-Length": None, "Transfer-Encoding": "chunked"}
            client.writer.write(request(headers=chunked))
            for at in range(0, len(body), 77_777):
                piece = body[at : at + 77_777]
                client.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            again = await client.ask(b"0\r\n\r\n")
            assert again.json == seen.json
        assert server.requests[0]["body"] == body[:10_000].decode()

    on_server(check)


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    """Once, and only if it asked and the body is still to come."""

    async def check(server: DemoServer) -> None:
        data = request(QUESTION, headers={"Expect": "100-continue"})
        head, body = data.split(b"\r\n\r\n")
        async with await Client.connect(server) as client:
            client.writer.write(head + b"\r\n\r\n")
            line = await client.reader.readuntil(b"\r\n\r\n")
            assert line == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.writer.write(body[:5])
            # Long enough for the server to see the first part alone.
            await asyncio.sleep(0.02)
            assert (await client.ask(body[5:])).status == 200
            assert (await client.ask(data)).status == 200

    on_server(check)


@pytest.mark.parametrize("shape", ["silence=0", "silence-head", "pause=60", "delay=60"])
def test_a_hang_up_ends_the_answer_and_is_counted(shape: str) -> None:
    """At once, whatever the server was waiting for."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION | {"model": f"demo:{shape}", "stream": True}))
            assert await eventually(lambda: server.stats["active"] == 1)
        assert await eventually(lambda: server.stats["active"] == 0)
        assert await eventually(lambda: server.stats["open"] == 0)
        assert server.stats["hangups"] == 1

    on_server(check)


def test_a_hang_up_before_the_last_byte_of_one_large_write_is_counted() -> None:
    """What the socket has not taken yet was not said."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION | {"model": "demo:size=15000000"}))
            await client.reader.readexactly(1000)
        assert await eventually(lambda: server.stats["open"] == 0)
        assert server.stats["hangups"] == 1

    on_server(check)


def test_a_client_that_stops_sending_and_reads_no_more_has_hung_up() -> None:
    """Its connection does not stay open for what it will never read."""

    async def check(server: DemoServer) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, request(QUESTION | {"model": "demo:endless-line"}))
            # Until the server has written all that the sockets hold, and waits.
            await asyncio.sleep(0.1)
            client.shutdown(socket.SHUT_WR)
            assert await eventually(lambda: server.stats["open"] == 0)
        assert server.stats["hangups"] == 1

    on_server(check)


def test_a_whole_answer_is_no_hang_up() -> None:
    """A client that leaves after it has all is a good client."""

    async def check(server: DemoServer) -> None:
        for fault in ("", "pause=0.001", "size=3000000", "cut=1", "close"):
            async with await Client.connect(server) as client:
                await client.ask(request(QUESTION | {"model": f"demo:{fault}"}))
        assert await eventually(lambda: server.stats["open"] == 0)
        assert server.stats["hangups"] == server.stats["broken"] == 0

    on_server(check)


def test_a_request_that_is_cut_off_is_counted_as_broken() -> None:
    """And the next one is served."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION)[:-5])
            await client.writer.drain()
        assert await eventually(lambda: server.stats["broken"] == 1)
        async with await Client.connect(server) as client:
            assert (await client.ask(request(QUESTION))).status == 200

    on_server(check)


def test_bytes_that_are_no_request_get_an_answer_and_the_end() -> None:
    """The answer arrives although the client goes on sending."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            huge = request(b"x", headers={"Content-Length": "999999999999"})
            seen = await client.ask(huge + b"x" * 1_000_000)
            assert seen.status == 413
            assert seen.json["error"]["message"] == "a body that is too large"
            assert await client.reader.read() == b""
        assert server.stats["broken"] == 1
        assert server.stats["requests"] == 0

    on_server(check)


def test_a_slow_client_does_not_hold_up_the_others() -> None:
    """A large answer waits for its client while small ones are served."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as slow, await Client.connect(server) as quick:
            body = QUESTION | {"model": "demo:size=20000000", "stream": True}
            slow.writer.write(request(body))
            await slow.reader.readexactly(1000)
            for _ in range(50):
                assert (await quick.ask(request(QUESTION))).status == 200
            assert server.stats["active"] == 1

    on_server(check)


def test_the_most_answers_at_once_are_counted() -> None:
    """So that a limit somewhere before this server can be seen to hold."""

    async def check(server: DemoServer) -> None:
        data = request(QUESTION | {"model": "demo:delay=0.02"})
        clients = [await Client.connect(server) for _ in range(3)]
        await asyncio.gather(*(client.ask(data) for client in clients))
        for client in clients:
            client.writer.close()
        assert server.stats["peak"] == 3
        assert server.stats["active"] == 0

    on_server(check)


def test_the_journal_shows_the_last_requests() -> None:
    """Method, target, headers in their order, body; itself it leaves out."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            get = request(method="GET", path="/demo/requests", headers={"Authorization": None})
            await client.ask(request(QUESTION, path=CHAT + "?x=1", headers={"X-Twice": "1"}))
            (entry,) = (await client.ask(get)).json
            assert (entry["number"], entry["method"]) == (1, "POST")
            assert entry["path"] == CHAT + "?x=1"
            assert json.loads(entry["body"]) == QUESTION
            names = [name for name, _ in entry["headers"]]
            assert names == [*HEADERS, "Content-Length", "X-Twice"]
            assert (await client.ask(get.replace(b"GET", b"DELETE"))).json == []
            assert (await client.ask(get)).json == []

    on_server(check)


def test_the_journal_keeps_a_hundred_requests() -> None:
    """The oldest go first, and bodies are cut, so that it never grows."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            for number in range(120):
                body = QUESTION | {"seed": number, "padding": "x" * 11_000}
                await client.ask(request(body))
        numbers = [entry["number"] for entry in server.requests]
        assert numbers == list(range(21, 121))
        assert {len(entry["body"]) for entry in server.requests} == {10_000}

    on_server(check)


def test_the_counts_are_served_and_add_up() -> None:
    """Over HTTP the same as in the process."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            await client.ask(request(QUESTION))
            await client.ask(request(QUESTION | {"stream": True}))
            counts = (await client.ask(request(method="GET", path="/demo/stats"))).json
        assert counts == {
            "requests": 2,
            "streams": 1,
            "hangups": 0,
            "broken": 0,
            "connections": 1,
            "open": 1,
            "active": 0,
            "peak": 0,
            "prompt_tokens": 12,
            "completion_tokens": 8,
        }

    on_server(check)


def test_what_was_said_to_its_end_is_remembered_by_its_user() -> None:
    """Streamed, whole, or from the cache; not what was cut, nor where no user is named."""

    async def check(server: DemoServer) -> None:
        bodies: list[dict[str, Any]] = [
            {"user": "a"},
            {"user": "b", "stream": True},
            {"user": "a"},
            {"user": "c", "stream": True, "model": "demo:pause=0.001"},
            {"user": "d", "stream": True, "model": "demo:cut"},
            {},
        ]
        for body in bodies:
            async with await Client.connect(server) as client:
                await client.ask(request(QUESTION | body))
        async with await Client.connect(server) as client:
            served = (await client.ask(request(method="GET", path="/demo/served"))).json
        assert [(entry["user"], entry["streams"]) for entry in served] == [
            ("a", 0),
            ("b", 1),
            ("a", 0),
            ("c", 1),
        ]
        assert all(entry["prompt_tokens"] and entry["completion_tokens"] for entry in served)

    on_server(check)


def test_another_key_can_be_wanted() -> None:
    """Then the usual one is wrong."""

    async def run() -> None:
        async with await start(key="sk-other") as server, await Client.connect(server) as client:
            assert (await client.ask(request(QUESTION))).json["status"] == "434"
            own = request(QUESTION, headers={"Authorization": "Bearer sk-other"})
            assert (await client.ask(own)).json["object"] == "chat.completion"

    asyncio.run(run())


def test_closing_ends_what_is_under_way() -> None:
    """At once, and the port is free again."""

    async def run() -> None:
        server = await start()
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION | {"model": "demo:silence", "stream": True}))
            await client.reader.readuntil(b"\n\n")
            await server.close()
            assert (await client.answer()).ended in ("closed", "garbled")
        async with await start(port=server.port) as again:
            assert again.base_url == server.base_url

    asyncio.run(run())


def test_the_cache_never_holds_more_than_its_share() -> None:
    """The oldest answers go; what is too large to keep drives out nothing."""
    cache = Cache()

    def put(number: int, size: int) -> None:
        cache.put(CachedAnswer(b"%d" % number, b"", b"x" * size, Cost()))

    for number in range(40):
        put(number, 1_000_000)
    kept = [number for number in range(40) if cache.get(b"%d" % number)]
    assert kept == list(range(24, 40))
    put(99, 20_000_000)
    assert cache.get(b"99") is None
    assert cache.get(b"39")


@contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo upstream as a program of its own, ended with the test."""
    command = [sys.executable, "-m", "iflow_relay.demo", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=SOURCE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_says_where_it_is_and_ends_on_a_signal(number: signal.Signals) -> None:
    """One line once it listens, then nothing; a clean end with a stream open."""

    async def open_stream(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(QUESTION | {"model": "demo:silence", "stream": True}))
        await reader.readuntil(b"\n\n")
        process.send_signal(number)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    with program() as process:
        assert process.stdout
        line = process.stdout.readline()
        port = int(line.split(":")[2].split("/")[0])
        assert line == f"demo upstream at http://127.0.0.1:{port}/v1 (key {KEY})\n"
        asyncio.run(open_stream(port))
        assert process.communicate(timeout=5) == ("", "")
        assert process.returncode == 0


def test_the_program_prints_the_faults() -> None:
    """The table, and no server."""
    with program("--faults") as process:
        assert process.communicate(timeout=5) == (render_table() + "\n", "")
        assert process.returncode == 0


def test_the_program_says_that_a_port_is_taken() -> None:
    """One line instead of a traceback."""

    async def check(server: DemoServer) -> None:
        with program("--port", str(server.port)) as process:
            out, err = await asyncio.to_thread(process.communicate, timeout=5)
        assert out == ""
        assert err.startswith(f"cannot listen on 127.0.0.1:{server.port}: ")
        assert err.count("\n") == 1
        assert process.returncode == 1

    on_server(check)


def test_importing_the_server_stays_cheap() -> None:
    """It starts in a fraction of a second, and so it must not pull in what is heavy."""
    code = "import sys, iflow_relay.demo; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    out = subprocess.check_output(command, text=True, cwd=SOURCE)
    assert not {"mitmproxy", "pydantic", "click", "rich", "httpx2", "h11"} & set(out.split())
