"""Keeps mitmweb and mitmproxy from filling the memory with what they show."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any
from weakref import WeakSet

from mitmproxy import ctx, hooks, http
from mitmproxy.flow import Flow

from ..keeping import Shelf, Step
from ..routing import Kind
from .call import BODIES, PACING
from .comment import FAILED
from .edge import HasRelay
from .relay import Relay

BATCH = 20
"""Flows that are emptied in one go: each is told to whoever looks, and streams must not wait."""

_QUIET = frozenset({Kind.HEALTH.value, Kind.PAC.value})
"""Routes with next to no body, that programs ask all day: they push no conversation out."""


class RelayKeeping(HasRelay):
    """Drops the oldest bodies, and then the oldest flows, of those that came through here.

    A flow counts once it has ended. Those from a file or a duplicate are somebody's own, as are
    those that were marked or changed: they stay.
    """

    _view: Any = None

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._shelf = Shelf()
        self._under_way: WeakSet[http.HTTPFlow] = WeakSet()
        self._is_due = False

    def running(self) -> None:
        view = ctx.master.addons.get("view")
        # A view without flows has the length 0, so it is asked for by name and not by truth.
        if view is not None:
            self.begin(view)

    def begin(self, view: Any) -> None:
        """Look after mitmproxy's view from here on."""
        self._view = view
        view.sig_store_remove.connect(self._on_removal)
        view.sig_store_refresh.connect(self._on_clearing)

    def configure(self, updated: AbstractSet[str]) -> None:
        if "iflow_keep_flows" in updated:
            self._trim_soon()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._view is None or not flow.live:
            return
        if flow.is_replay != "request" or flow.id in self._shelf:
            self._shelf.forget(flow.id)
            self._under_way.add(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._take(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._take(flow)

    def _take(self, flow: http.HTTPFlow) -> None:
        """Count a flow that has ended and is shown."""
        if self._view is None or flow not in self._under_way:
            return
        self._under_way.discard(flow)
        if self._view.get_by_id(flow.id) is None:
            return
        if flow.metadata.get("iflow.route") in _QUIET:
            self._shelf.put_bare(flow.id)
        else:
            self._shelf.put(flow.id, size_of(flow))
        self._trim_soon()

    def _trim_soon(self) -> None:
        """In a turn of its own: the body of a flow that ends just now is still to be sent."""
        if self._view is not None and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._trim)

    def _trim(self) -> None:
        self._is_due = False
        kept = self.relay.config.keep_flows
        # mitmproxy writes a HAR file at its end, from the flows as they are then.
        if kept is None or ctx.options.hardump:
            return
        steps = list(islice(self._shelf.excess(kept, self._is_spared), BATCH))
        for step in steps:
            self._go(step)
        if len(steps) == BATCH:
            self._trim_soon()

    def _is_spared(self, name: str) -> bool:
        flow = self._view.get_by_id(name)
        return flow is not None and is_spared(flow)

    def _go(self, step: Step) -> None:
        flow = self._view.get_by_id(step.name)
        if flow is None:
            self._shelf.forget(step.name)
        elif step.leaves:
            self._view.remove([flow])
        elif empty(flow):
            ctx.master.addons.trigger(hooks.UpdateHook([flow]))

    def _on_removal(self, flow: Flow) -> None:
        self._shelf.forget(flow.id)

    def _on_clearing(self) -> None:
        for name in self._shelf:
            if self._view.get_by_id(name) is None:
                self._shelf.forget(name)


def is_spared(flow: Flow) -> bool:
    """Whether a flow is in use, or somebody has marked or changed it."""
    is_marked = flow.marked not in ("", FAILED)
    return flow.live or flow.intercepted or is_marked or flow.modified()


def size_of(flow: http.HTTPFlow) -> int:
    """Bytes that would be free without the flow's bodies."""
    bodies = flow.request.raw_content, flow.response and flow.response.raw_content
    return sum(len(body) for body in bodies if body) + len(str(flow.metadata.get(PACING, "")))


def empty(flow: http.HTTPFlow) -> bool:
    """Drop the bodies, so that they are seen to be missing; whether there were any."""
    full = [message for message in (flow.request, flow.response) if message and message.raw_content]
    for message in full:
        message.raw_content = None
    if full:
        flow.metadata.pop(PACING, None)
        flow.metadata[BODIES] = "dropped"
    return bool(full)
