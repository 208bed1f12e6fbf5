"""The edge of every hook: what raises is told to the client, and nothing is sent on."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable

from mitmproxy import http

from ..errors import InternalError, RelayError
from ..headers import kept_with_error
from .call import Call
from .relay import Relay

logger = logging.getLogger(__name__)


class HasRelay:
    """An addon that works on calls."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay


def refuse(relay: Relay, flow: http.HTTPFlow, error: Exception) -> None:
    """Answer the flow with the error, and see to it that the request goes nowhere."""
    if not isinstance(error, RelayError):
        logger.error("A fault of the relay's own: %r", error, exc_info=error)
        error = InternalError("The relay met a fault of its own; its log says more.")
    said = flow.response
    if call := relay.calls.get(flow):
        call.upstream = None
    flow.response = relay.render(error, flow)
    if said is not None:
        fields = flow.response.headers.fields + kept_with_error(said.headers.fields)
        flow.response.headers = http.Headers(fields)


def closed[S: HasRelay](
    hook: Callable[[S, http.HTTPFlow, Call], None],
) -> Callable[[S, http.HTTPFlow], None]:
    """A hook that sees only live calls of ours and fails closed."""

    @functools.wraps(hook)
    def guarded(self: S, flow: http.HTTPFlow) -> None:
        call = self.relay.calls.get(flow)
        if call is None:
            return
        try:
            hook(self, flow, call)
        except Exception as error:
            refuse(self.relay, flow, error)

    return guarded


def closed_where_it_may_wait[S: HasRelay](
    hook: Callable[[S, http.HTTPFlow, Call], Awaitable[None] | None],
) -> Callable[[S, http.HTTPFlow], Awaitable[None] | None]:
    """The same for a hook that gives something to wait for, where it has to wait."""

    @functools.wraps(hook)
    def guarded(self: S, flow: http.HTTPFlow) -> Awaitable[None] | None:
        call = self.relay.calls.get(flow)
        if call is None or flow.response or flow.error:
            return None
        try:
            waiting = hook(self, flow, call)
        except Exception as error:
            refuse(self.relay, flow, error)
            return None
        if waiting is None:
            return None
        call.own = None
        return _guard(self.relay, flow, waiting)

    return guarded


async def _guard(relay: Relay, flow: http.HTTPFlow, waiting: Awaitable[None]) -> None:
    try:
        await waiting
    except Exception as error:
        refuse(relay, flow, error)
