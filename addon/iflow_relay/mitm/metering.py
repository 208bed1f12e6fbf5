"""Counts each call as it ends, and tells the counts to who scrapes them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from mitmproxy import http

from .. import __version__
from ..errors import NotFound
from ..metrics.families import Present, families
from ..metrics.tallies import Outcome, Tallies, Tokens
from ..routing import ABOUT_RELAY, Kind
from .call import Call, Ended
from .edge import HasRelay, closed_where_it_may_wait
from .relay import Relay


class RelayMetrics(HasRelay):
    """Answers `GET /metrics`, under the rules of the API: Host, Origin and local key."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._tallies = Tallies()
        self._began = time.time()
        relay.on_end.append(self._count)

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> Awaitable[None] | None:
        return self._answer(flow, call) if call.route.kind is Kind.METRICS else None

    async def _answer(self, flow: http.HTTPFlow, call: Call) -> None:
        if call.foreign_host:
            raise NotFound("There is no /metrics here: the relay's own are elsewhere.")
        from ..metrics.exposition import expose

        accept = flow.request.headers.get("accept", "")
        told = families(self._tallies, self._present())
        # Thousands of lines take milliseconds, for which no stream may stand still.
        exposition = await asyncio.to_thread(expose, told, accept, self._began)
        fields = {"Content-Type": exposition.content_type, "Cache-Control": "no-store"}
        flow.response = http.Response.make(200, exposition.body, fields)
        self._tallies.add_scrape(Kind.METRICS.value, 200)

    def _present(self) -> Present:
        relay = self.relay
        calls = list(relay.calls.values())
        return Present(
            version=__version__,
            in_flight=sum(call.route.kind not in ABOUT_RELAY for call in calls),
            waiting=relay.line.waiting,
            connections=dict(relay.counts),
            refreshes=dict(relay.renewal.counts),
        )

    def _count(self, ended: Ended) -> None:
        self._tallies.add(outcome(ended))


def outcome(ended: Ended) -> Outcome:
    """What is counted of a call."""
    call, usage = ended.call, ended.usage
    return Outcome(
        route=call.route.kind.value,
        status=ended.status,
        duration=ended.duration,
        model=call.run,
        answered=200 <= ended.status < 300,
        error=ended.error,
        # What comes from a recording is spent by nobody.
        tokens=Tokens() if call.replayed else Tokens(*usage),
        first_token=ended.first_token,
        own=call.own,
    )
