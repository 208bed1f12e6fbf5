"""The server: a listening socket, what its connections share, and an end to all of it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from ..credential import bracket
from .cache import Cache
from .connection import Connection
from .journal import Journal
from .routes import KEY


class DemoServer:
    """A demo upstream that listens; also an async context manager that closes it."""

    def __init__(self, server: asyncio.Server, journal: Journal, peers: set[Connection]) -> None:
        self._server = server
        self._journal = journal
        self._peers = peers
        self.host, self.port = server.sockets[0].getsockname()[:2]

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://{bracket(self.host)}:{self.port}/v1"

    @property
    def stats(self) -> dict[str, int]:
        """The counts of `GET /demo/stats`."""
        return self._journal.counts()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last requests, as `GET /demo/requests` has them."""
        return self._journal.requests()

    async def close(self) -> None:
        """Stop listening and end every connection at once."""
        self._server.close()
        await asyncio.gather(*(peer.abort() for peer in list(self._peers)))
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def start(host: str = "127.0.0.1", port: int = 0, *, key: str = KEY) -> DemoServer:
    """Listen; port 0 takes any that is free. Raises OSError if the port is not."""
    cache, journal, peers = Cache(), Journal(), set[Connection]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(key, cache, journal, peers), host, port, backlog=1024
    )
    return DemoServer(server, journal, peers)
