"""Notes what each request goes on from, and offers the view that shows it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

if TYPE_CHECKING:
    from ..transcript.growth import Growth  # not where nobody looks: it costs a start

KNOWN = "iflow.turns.known"
"""Metadata: how many messages at a request's front its client has sent before."""

MAX_NOTED = 2 << 20
"""Bytes of a request that is read for this: reading more would hold up the other calls."""


class RelayTurns:
    """Works where flows are shown; elsewhere nothing is read, and the views are not even loaded.

    A request is looked at once its answer has come, so that no answer waits for it; or before,
    when somebody looks at it.
    """

    _growth: Growth | None = None

    def load(self, loader: Loader) -> None:
        if "mitmproxy.contentviews" in sys.modules:
            from mitmproxy import contentviews

            from .chatview import ChatView

            contentviews.add(ChatView(self.note))

    def running(self) -> None:
        # A view without flows has the length 0, so it is asked for by name and not by truth.
        if ctx.master.addons.get("view") is not None:
            self.begin()

    def begin(self) -> None:
        """Note requests from here on."""
        from ..transcript.growth import Growth

        self._growth = Growth()

    def response(self, flow: http.HTTPFlow) -> None:
        self.note(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self.note(flow)

    def note(self, flow: http.HTTPFlow) -> None:
        """Note what a whole request goes on from, once."""
        body = flow.request.raw_content or b""
        if self._growth is None or KNOWN in flow.metadata or not 0 < len(body) <= MAX_NOTED:
            return
        from ..transcript.reading import dialect_of, read_request
        from ..transcript.values import Dialect

        dialect = dialect_of(flow.request.path)
        if dialect is not Dialect.UNKNOWN:
            address = flow.client_conn.peername or ("",)
            flow.metadata[KNOWN] = self._growth.note(str(address[0]), read_request(body, dialect))
