"""The demo upstream beside a program that has its own event loop."""

from __future__ import annotations

import asyncio
import threading
from queue import Queue

from .server import start


def start_in_thread() -> str:
    """Start it on a free loopback port, for as long as the process lives; returns its base URL."""
    ready: Queue[str | Exception] = Queue()

    async def serve() -> None:
        try:
            server = await start()
        except OSError as error:
            ready.put(error)
            return
        ready.put(server.base_url)
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), name="demo", daemon=True).start()
    answer = ready.get()
    if isinstance(answer, Exception):
        raise answer
    return answer
