"""An upstream whose chunks say when they were sent: `python -m scripts.bench_relay.stamping PORT`.

The demo upstream plays prepared answers and cannot do that. Here every chunk's text is the time at
which it is given to the kernel, on the clock that all processes of a machine share (monotonic), so
its delay is exact, whatever else the sender and the receiver were doing.

The model says what to send: `stamped:COUNT:SECONDS` is that many chunks so far apart. A request
for anything else gets a short answer in one piece.
"""

from __future__ import annotations

import asyncio
import re
import selectors
import sys
from time import monotonic_ns
from typing import cast

WISH = re.compile(rb'"model": ?"stamped:(\d+):([\d.]+)"')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MAX_REQUEST = 1 << 20

WHOLE = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(WHOLE),
    WHOLE,
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%019d"},"finish_reason":null}]}\n\n'
)
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT % 0), EVENT)
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Stamping(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._request = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._request += data
        head, found, body = self._request.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            if len(self._request) > MAX_REQUEST:
                self._transport.abort()
            return
        self._request = b""
        if wish := WISH.search(body):
            self._begin(int(wish[1]), float(wish[2]))
        else:
            self._transport.write(ANSWER)

    def _begin(self, count: int, pause: float) -> None:
        self._transport.write(STREAM_HEAD + CHUNK % monotonic_ns())
        self._plan(count - 1, pause, asyncio.get_running_loop().time() + pause)

    def _plan(self, left: int, pause: float, when: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(when, self._send, left, pause, when)

    def _send(self, left: int, pause: float, when: float) -> None:
        if left:
            self._transport.write(CHUNK % monotonic_ns())
            self._plan(left - 1, pause, when + pause)
        else:
            self._transport.write(END)


async def serve(port: int) -> None:
    """Listen on loopback until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stamping, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


def make_loop() -> asyncio.AbstractEventLoop:
    """A loop that wakes to the microsecond: epoll counts in milliseconds, and streams that are
    due within the same one would all be sent at once."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
