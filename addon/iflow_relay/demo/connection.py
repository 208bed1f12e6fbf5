"""One connection: reads requests from its socket and plays the answers on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import cast

from ..wire import BadRequest, Request, RequestReader
from .cache import CACHED_REQUEST, Cache, CachedAnswer
from .faults import HEADER, parse_faults
from .journal import Cost, Journal, is_about
from .routes import refuse, respond, respond_about
from .shape import WRITE_SIZE, End, Step, Wait

# How long a client may go on sending what was refused, in seconds.
LINGER = 2

FREE = Cost()

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, key: str, cache: Cache, journal: Journal, peers: set[Connection]) -> None:
        self._key = key
        self._cache = cache
        self._journal = journal
        self._peers = peers
        self._reader = RequestReader()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._is_sent = asyncio.Event()
        self._told_to_continue = False
        self._ends = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio sets TCP_NODELAY by itself.
        self._transport = cast(asyncio.Transport, transport)
        # At 0 the loop tells of every byte that waits, so a hang-up before the last is seen.
        self._transport.set_write_buffer_limits(high=0)
        self._is_sent.set()
        self._peers.add(self)
        self._journal.stats.connections += 1
        self._journal.stats.open += 1

    def data_received(self, data: bytes) -> None:
        if self._ends:
            return
        if self._task is None and self._reader.is_clean and self._play_cached(data):
            return
        self._reader.feed(data)
        self._advance()
        self._read_slowly()

    def pause_writing(self) -> None:
        self._is_sent.clear()

    def resume_writing(self) -> None:
        self._is_sent.set()

    def eof_received(self) -> None:
        # Whoever stops sending has hung up here: what is still to be said is not said.
        if self._is_answering():
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._journal.stats.open -= 1
        self._peers.discard(self)
        if self._is_answering():
            self._journal.stats.hangups += 1
        elif not self._reader.is_clean and not self._ends:
            self._journal.stats.broken += 1
        if self._task is not None:
            self._task.cancel()

    async def abort(self) -> None:
        """End the connection and whatever is being said on it."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _is_answering(self) -> bool:
        return self._task is not None or not self._is_sent.is_set()

    def _advance(self) -> None:
        """Answer what has come in whole, unless an answer is under way."""
        try:
            while self._task is None and not self._ends:
                request = self._reader.next()
                if request is None:
                    self._continue()
                    return
                self._told_to_continue = False
                self._answer(request)
        except BadRequest as error:
            self._refuse(error)

    def _refuse(self, error: BadRequest) -> None:
        """Answer bytes that are no request, and read on for a while without listening.

        Closing with bytes unread would reset the connection, and the client might lose the answer.
        """
        self._journal.stats.broken += 1
        self._ends = True
        self._transport.writelines(step for step in refuse(error) if isinstance(step, bytes))
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def _continue(self) -> None:
        head = self._reader.head
        if head is None or self._told_to_continue:
            return
        if head.fields.get("expect", "").lower() == "100-continue":
            self._told_to_continue = True
            self._transport.write(CONTINUE)

    def _read_slowly(self) -> None:
        head = self._reader.head
        if head is None or "slow-read" not in head.fields.get(HEADER, ""):
            return
        try:
            seconds = parse_faults(head.fields[HEADER]).seconds("slow-read")
        except ValueError:
            return
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._transport.resume_reading)

    def _answer(self, request: Request) -> None:
        head, body = request.head, request.body
        if is_about(request):
            self._play(respond_about(request, self._journal).steps)
            return
        may_come_again = head.length is not None and len(body) <= CACHED_REQUEST
        if may_come_again and self._play_cached(head.raw + body):
            return
        script = respond(request, self._key)
        self._journal.record(head.raw, body, script.cost)
        answer = self._play(script.steps, script.cost)
        if may_come_again and answer is not None:
            self._cache.put(CachedAnswer(head.raw, body, answer, script.cost))

    def _play_cached(self, request: bytes) -> bool:
        """Answer with what the same bytes were answered before, if they were."""
        entry = self._cache.get(request)
        if entry is None:
            return False
        self._journal.record(entry.head, entry.body, entry.cost)
        self._transport.write(entry.answer)
        self._journal.serve(entry.cost)
        return True

    def _play(self, steps: Iterator[Step], cost: Cost = FREE) -> bytes | None:
        """Begin an answer; one that is a single write is done at once, and returned."""
        first, second = next(steps, b""), next(steps, None)
        if isinstance(first, bytes) and second in (None, End.CLOSE):
            self._transport.write(first)
            self._journal.serve(cost)
            if second is None:
                return first
            self._close()
            return None
        ahead = [first] if second is None else [first, second]
        self._task = asyncio.create_task(self._perform(chain(ahead, steps), cost))
        return None

    async def _perform(self, steps: Iterator[Step], cost: Cost) -> None:
        """Play an answer that takes time, then see what came in meanwhile."""
        self._journal.begin()
        try:
            await self._follow(steps)
            self._journal.serve(cost)
        except Exception:
            self._transport.abort()
            raise
        finally:
            self._journal.end()
        self._task = None
        self._advance()

    async def _follow(self, steps: Iterator[Step]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for step in steps:
            if isinstance(step, bytes):
                self._transport.write(step)
                await self._sent(len(step))
            elif isinstance(step, Wait):
                # Counted from when the last wait should have ended, so that late timers do not
                # add up over a stream; time lost to more than that is not made up for.
                due = max(due + step.seconds, loop.time())
                await asyncio.sleep(due - loop.time())
            elif step is End.SILENCE:
                await loop.create_future()
            else:
                self._close()

    async def _sent(self, size: int) -> None:
        if not self._is_sent.is_set():
            await self._is_sent.wait()
        elif size >= WRITE_SIZE:
            # A client that reads as fast as we write must not keep the others waiting.
            await asyncio.sleep(0)

    def _close(self) -> None:
        self._ends = True
        self._transport.close()
