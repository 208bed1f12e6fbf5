"""The agents' server on the wire: what it says to bytes that are no call of the relay's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from iflow_relay.agent.book import AgentBook
from iflow_relay.agent.server import AgentServer

Speak = Callable[[bytes], Awaitable[bytes]]


def on_server(folder: Path, check: Callable[[AgentServer, Speak], Awaitable[None]]) -> None:
    """Run a check on a server without agents; `Speak` sends bytes and reads to the end."""

    async def run() -> None:
        async with AgentServer(AgentBook(folder / "agents.toml")) as server:
            port = int(server.base_url.rpartition(":")[2].removesuffix("/v1"))

            async def speak(data: bytes) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                try:
                    async with asyncio.timeout(10):
                        return await reader.read()
                finally:
                    writer.close()
                    await writer.wait_closed()

            await check(server, speak)

    asyncio.run(run())


def call(
    server: AgentServer,
    body: bytes = b"{}",
    *,
    line: str = "POST /v1/chat/completions",
    key: str | None = None,
    more: str = "Connection: close\r\n",
) -> bytes:
    head = (
        f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {server.key.reveal() if key is None else key}\r\n{more}\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_request"),
        (b'{"messages": []}', 400, "invalid_request"),
        (b'{"model": "x", "messages": [{"role": "user"}]}', 404, "model_not_found"),
        (b'{"model": "iflow/x", "messages": [{"role": "user"}]}', 404, "model_not_found"),
    ],
)
def test_errors_have_the_shape_of_openais(
    tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    """With their length, so that the connection can go on."""

    async def check(server: AgentServer, speak: Speak) -> None:
        head, _, said = (await speak(call(server, body))).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"Content-Length: %d" % len(said) in head
        assert b"Connection: close" in head
        assert json.loads(said)["error"]["code"] == code

    on_server(tmp_path, check)


@pytest.mark.parametrize(
    ("line", "status"),
    [("POST /v1/models", 404), ("GET /v1/chat/completions", 405), ("POST /", 404)],
)
def test_there_is_one_path_and_one_method(tmp_path: Path, line: str, status: int) -> None:
    """The relay calls no other."""

    async def check(server: AgentServer, speak: Speak) -> None:
        assert (await speak(call(server, line=line))).startswith(b"HTTP/1.1 %d " % status)

    on_server(tmp_path, check)


@pytest.mark.parametrize("key", ["", "x", "sk-agent-x"])
def test_strangers_are_told_nothing(tmp_path: Path, key: str) -> None:
    """Not even whether a path is there."""

    async def check(server: AgentServer, speak: Speak) -> None:
        for line in ("POST /v1/chat/completions", "GET /x"):
            assert b"HTTP/1.1 401 " in await speak(call(server, line=line, key=key))

    on_server(tmp_path, check)


def test_a_connection_is_kept_and_calls_on_it_are_answered_in_order(tmp_path: Path) -> None:
    """Also where they are sent before the first is answered."""

    async def check(server: AgentServer, speak: Speak) -> None:
        first = call(server, b"{", more="")
        said = await speak(first + first + call(server, b"[]"))
        assert said.count(b"invalid_json") == 2
        assert said.count(b"HTTP/1.1 400 ") == 3
        assert said.rindex(b"invalid_json") < said.index(b"but no object")

    on_server(tmp_path, check)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
    ],
)
def test_bytes_that_are_no_request_are_refused(tmp_path: Path, data: bytes, status: int) -> None:
    """And the connection ends, as nobody knows where the next request would begin."""

    async def check(server: AgentServer, speak: Speak) -> None:
        said = await speak(data)
        assert said.startswith(b"HTTP/1.1 %d " % status)
        assert b"invalid_http" in said

    on_server(tmp_path, check)


def test_each_start_has_a_key_of_its_own(tmp_path: Path) -> None:
    """It prints masked."""
    one, other = (AgentServer(AgentBook(tmp_path / "agents.toml")) for _ in range(2))
    assert one.key != other.key
    assert one.key.reveal() not in repr(vars(one))


def test_a_server_that_was_not_started_has_no_address(tmp_path: Path) -> None:
    """Nor anything to close."""
    server = AgentServer(AgentBook(tmp_path / "agents.toml"))
    with pytest.raises(RuntimeError):
        _ = server.base_url
    asyncio.run(server.close())


def test_a_strangers_body_is_not_waited_for(tmp_path: Path) -> None:
    """Any program on this machine could else have the relay keep what it sends."""

    async def check(server: AgentServer, speak: Speak) -> None:
        head = call(server, key="guessed", more="").replace(b"Length: 2", b"Length: 200000000")
        said = await speak(head + b"x" * 100_000)
        assert said.startswith(b"HTTP/1.1 401 ")
        assert b"Connection: close" in said

    on_server(tmp_path, check)
