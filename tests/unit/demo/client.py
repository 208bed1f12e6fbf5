"""A client that reads every byte itself, so that a test sees what really crossed the socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from iflow_relay.demo import KEY, USER_AGENT, DemoServer, start

PATIENCE = 10.0
"""Seconds without a byte after which the server counts as silent."""

IMPATIENCE = 0.25
"""The same, where silence is what is expected."""

HEADERS = {"Host": "demo", "Authorization": f"Bearer {KEY}", "User-Agent": USER_AGENT}
CHAT = "/v1/chat/completions"
QUESTION = {"model": "qwen3-coder-plus", "messages": [{"role": "user", "content": "a b 河流"}]}


@dataclass(slots=True)
class Seen:
    """One answer as it came in; `ended` says how: whole, closed, silent or garbled."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    body: bytes = b""
    raw: bytes = b""
    ended: str = "whole"

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        """The media type."""
        return self.headers["content-type"]


def request(
    body: object = None,
    *,
    method: str = "POST",
    path: str = CHAT,
    headers: Mapping[str, str | None] | None = None,
) -> bytes:
    """A request's bytes, with key and User-Agent unless `headers` says otherwise."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    fields = {**HEADERS, "Content-Length": str(len(data)), **(headers or {})}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + data


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.patience = PATIENCE

    @classmethod
    async def connect(cls, server: DemoServer) -> Client:
        """Open a connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", server.port, limit=2**20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def ask(self, data: bytes) -> Seen:
        """Send bytes and read one answer."""
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> Seen:
        """Read one answer, however far it goes."""
        seen = Seen()
        try:
            await self._read(seen)
        except asyncio.IncompleteReadError as error:
            seen.raw += error.partial
            seen.ended = "closed"
        except ConnectionError:
            seen.ended = "closed"
        except TimeoutError:
            seen.ended = "silent"
        except ValueError:
            seen.ended = "garbled"
        return seen

    async def _take(self, seen: Seen, read: Awaitable[bytes]) -> bytes:
        data = await asyncio.wait_for(read, self.patience)
        seen.raw += data
        return data

    async def _read(self, seen: Seen) -> None:
        head = await self._take(seen, self.reader.readuntil(b"\r\n\r\n"))
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        seen.status = int(first.split()[1])
        pairs = (line.split(": ", 1) for line in lines)
        seen.headers = {name.lower(): value for name, value in pairs}
        if "transfer-encoding" in seen.headers:
            await self._read_chunks(seen)
        elif "content-length" in seen.headers:
            size = int(seen.headers["content-length"])
            seen.body = await self._take(seen, self.reader.readexactly(size))
        elif seen.status not in (204, 304):
            await self._read_to_the_end(seen)

    async def _read_chunks(self, seen: Seen) -> None:
        while True:
            line = await self._take(seen, self.reader.readuntil(b"\r\n"))
            data = await self._take(seen, self.reader.readexactly(int(line, 16) + 2))
            if data == b"\r\n":
                return
            seen.chunks.append(data[:-2])
            seen.body += data[:-2]

    async def _read_to_the_end(self, seen: Seen) -> None:
        while data := await self._take(seen, self.reader.read(2**16)):
            seen.body += data
        seen.ended = "closed"


def on_server(check: Callable[[DemoServer], Awaitable[None]]) -> None:
    """Run one check against a server of its own."""

    async def run() -> None:
        async with await start() as server:
            await check(server)

    asyncio.run(run())


def ask(data: bytes, *, patience: float = PATIENCE) -> Seen:
    """The answer to one request, from a server of its own."""
    answers: list[Seen] = []

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.patience = patience
            answers.append(await client.ask(data))

    on_server(check)
    return answers[0]


def ask_chat(faults: str = "", *, patience: float = PATIENCE, **changes: Any) -> Seen:
    """The answer to the usual question, changed, with faults asked for by header."""
    headers = {"x-demo": faults} if faults else {}
    return ask(request(QUESTION | changes, headers=headers), patience=patience)


async def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes true within a few seconds."""
    for _ in range(2000):
        if holds():
            return True
        await asyncio.sleep(0.001)
    return holds()
