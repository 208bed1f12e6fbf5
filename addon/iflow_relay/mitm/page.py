"""Answers for the relay's own page, which is no call: nobody sees or keeps its requests."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy import http

from ..headers import by_name
from ..routing import Kind
from .call import Call
from .copies import headers_of
from .edge import HasRelay, closed_where_it_may_wait
from .relay import Relay

if TYPE_CHECKING:
    from ..web.page import Page  # most relays are never asked for their page


class RelayPage(HasRelay):
    """Takes what is asked to the page, and what it says to the client."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._page: Page | None = None

    def done(self) -> None:
        if self._page:
            self._page.close()

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> Awaitable[None] | None:
        return self._answer(flow, call) if call.route.kind is Kind.PAGE else None

    async def _answer(self, flow: http.HTTPFlow, call: Call) -> None:
        from ..web.asked import Asked
        from ..web.page import Page

        request = flow.request
        page = self._page = self._page or Page(self.relay, os.environ)
        said = await page.answer(
            Asked(
                request.method,
                call.route.path,
                call.route.query,
                request.headers.fields,
                request.raw_content or b"",
                _origin(flow),
            )
        )
        flow.response = http.Response.make(said.status, said.body)
        flow.response.headers = headers_of(said.fields)


def _origin(flow: http.HTTPFlow) -> str:
    """Where the browser believes to be."""
    request = flow.request
    authority = request.authority or by_name(request.headers.fields).get("host", "")
    return f"{'https' if flow.client_conn.tls else 'http'}://{authority.lower()}"
