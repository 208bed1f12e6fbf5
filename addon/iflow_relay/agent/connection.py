"""One connection to the agents' server: requests in, answers out, and an ear for hang-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast

from ..errors import InvalidHttp, RelayError, render_error, render_error_body
from ..sse import DONE, render_event
from ..wire import BadRequest, Head, Request, RequestReader

LINGER = 2.0
"""Seconds in which a client may read why its bytes were refused."""

PATIENCE = 120.0
"""Seconds without a byte read, after which nobody is believed to want the answer."""

_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"


class Connection(asyncio.Protocol):
    """One client's connection; a client that hangs up cancels its call."""

    def __init__(
        self,
        answer: Callable[[Request, Reply], Awaitable[None]],
        peers: set[Connection],
        check: Callable[[Head], None],
    ) -> None:
        self._answer = answer
        self._peers = peers
        self._check = check
        self._reader = RequestReader()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._ends = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._may_write.set()
        self._peers.add(self)

    def data_received(self, data: bytes) -> None:
        if not self._ends:
            self._reader.feed(data)
            self._advance()

    def eof_received(self) -> None:
        # Only the relay calls, and it stops sending only when it is done with the connection.
        if self._task:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._peers.discard(self)
        self._may_write.set()
        if self._task:
            self._task.cancel()

    async def end(self) -> None:
        """End it, and the call that is under way."""
        self._transport.abort()
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def write(self, data: bytes) -> None:
        """Write, and wait while the client does not read; one that never does is given up."""
        self._transport.write(data)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._may_write.wait()
        except TimeoutError:
            self._transport.abort()
            raise asyncio.CancelledError from None

    def _advance(self) -> None:
        if self._task or self._ends:
            return
        try:
            request = self._reader.next()
            if self._reader.head:
                # A stranger's body is not waited for, nor kept.
                self._check(self._reader.head)
        except (BadRequest, RelayError) as error:
            self._refuse(error)
            return
        if request:
            self._ends = not request.head.keeps_alive
            self._task = asyncio.create_task(self._serve(request))
            self._task.add_done_callback(self._served)

    async def _serve(self, request: Request) -> None:
        reply = Reply(self.write, closes=self._ends)
        await self._answer(request, reply)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or task.exception() or self._ends:
            self._transport.close()
        else:
            self._advance()

    def _refuse(self, error: BadRequest | RelayError) -> None:
        self._ends = True
        refusal = error if isinstance(error, RelayError) else InvalidHttp(str(error))
        refusal.status = error.status
        self._transport.write(_whole(refusal, closes=True))
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self._transport.abort)


class Reply:
    """The answer to one request."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]], *, closes: bool) -> None:
        self._write = write
        self._closes = closes
        self._is_stream = False

    async def send(self, document: bytes) -> None:
        """Answer with a JSON document."""
        head = _head(200, _JSON, (_length(document),), closes=self._closes)
        await self._write(head + document)

    async def send_event(self, *payloads: Any) -> None:
        """Send events of a stream, which the first ones begin."""
        await self._send_chunk(b"".join(map(render_event, payloads)))

    async def end_events(self) -> None:
        """End the stream as one that is whole."""
        await self._send_chunk(DONE)
        await self._write(b"0\r\n\r\n")

    async def fail(self, error: RelayError) -> None:
        """Answer with an error; a stream that has begun ends with it, and without `[DONE]`."""
        if self._is_stream:
            await self.send_event(render_error(error))
            await self._write(b"0\r\n\r\n")
        else:
            await self._write(_whole(error, closes=self._closes))

    async def _send_chunk(self, data: bytes) -> None:
        head = b""
        if not self._is_stream:
            self._is_stream = True
            fields = ((b"Cache-Control", b"no-store"), (b"Transfer-Encoding", b"chunked"))
            head = _head(200, _EVENTS, fields, closes=self._closes)
        await self._write(b"%b%x\r\n%b\r\n" % (head, len(data), data))


Field = tuple[bytes, bytes]


def _whole(error: RelayError, *, closes: bool) -> bytes:
    body = render_error_body(error)
    return _head(error.status, _JSON, (_length(body), *error.fields), closes=closes) + body


def _length(body: bytes) -> Field:
    return b"Content-Length", str(len(body)).encode()


def _head(status: int, kind: bytes, fields: tuple[Field, ...], *, closes: bool) -> bytes:
    said: tuple[Field, ...] = ((b"Content-Type", kind), *fields)
    said += ((b"Connection", b"close"),) if closes else ()
    lines = b"".join(b"%b: %b\r\n" % field for field in said)
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, HTTPStatus(status).phrase.encode(), lines)
