"""Puts each call that has ended into the ledger."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

from ..errors import RelayEnds
from ..ledger.values import Row
from ..ledger.writing import Writer
from ..routing import Kind
from .call import Ended, end_call
from .edge import HasRelay
from .relay import Relay

COUNTED = frozenset({Kind.CHAT, Kind.MODELS, Kind.FORWARD})
"""Routes of which there is a row; the others say something of the relay alone."""


class RelayLedger(HasRelay):
    """An observer of calls; the writing is a thread's, and begins with the first."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._ids = make_ids()
        self._writer: Writer | None = None
        self._is_over = False
        self._ending: set[asyncio.Task[None]] = set()
        relay.on_end.append(self._enter)

    async def done(self) -> None:
        """Enter the calls that the relay's end cuts off, and have everything written."""
        for flow, call in list(self.relay.calls.items()):
            self._enter(end_call(flow, call)._replace(error=RelayEnds.code))
        self._is_over = True
        writer, self._writer = self._writer, None
        if writer:
            await asyncio.to_thread(writer.close)
        await asyncio.gather(*self._ending)

    def _enter(self, ended: Ended) -> None:
        if not self._is_over and is_counted(ended) and (writer := self._current()):
            writer.put(make_row(next(self._ids), ended))

    def _current(self) -> Writer | None:
        """The writer that the options of this moment ask for."""
        config, writer = self.relay.config, self._writer
        if writer and writer.path != config.ledger:
            self._let_go(writer)
            writer = self._writer = None
        if writer is None and config.ledger:
            writer = self._writer = Writer(config.ledger, config.ledger_days)
        if writer:
            writer.days = config.ledger_days
        return writer

    def _let_go(self, writer: Writer) -> None:
        """Close the ledger that the options named before, without waiting for it."""
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(writer.close))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def is_counted(ended: Ended) -> bool:
    """Whether there is a row for a call: not where nothing is spent, as it comes from a recording.

    Nor where a browser only asks whether it may call.
    """
    call = ended.call
    is_preflight = call.route.kind is Kind.FORWARD and call.upstream is None and not ended.error
    if call.replayed or (is_preflight and ended.status == 204):
        return False
    return call.route.kind in COUNTED


def make_ids() -> Iterator[str]:
    """Ids that no other relay gives to a call."""
    start = secrets.token_hex(12)
    number = 0
    while True:
        number += 1
        yield f"{start}{number:08x}"


def make_row(call_id: str, ended: Ended) -> Row:
    """What the ledger keeps of a call: no key, where somebody has put it into a name by mistake."""
    call, usage = ended.call, ended.usage
    return Row(
        call=call_id,
        time=call.began,
        route=call.route.kind.value,
        path=call.redact(call.route.path.partition("?")[0].removeprefix("/v1")),
        dialect="chat" if call.route.kind is Kind.CHAT else "",
        client=call.redact(ended.client),
        host=ended.host,
        asked=call.redact(call.asked),
        run=call.redact(call.run),
        status=ended.status,
        error=call.redact(ended.error or ""),
        prompt=usage.prompt,
        completion=usage.completion,
        cached=usage.cached,
        reasoning=usage.reasoning,
        first_token=ended.first_token,
        duration=ended.duration,
        received=ended.received,
        sent=ended.sent,
        streamed=call.stream,
    )
