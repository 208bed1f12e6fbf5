"""What the protocol layer asks the addons, so that neither has to know the other."""

from __future__ import annotations

from typing import Protocol

from mitmproxy import http
from mitmproxy.proxy.context import Context

from ..errors import RelayError


class Policy(Protocol):
    """What this layer asks the addons."""

    connect_timeout: float

    @property
    def timeout(self) -> float:
        """Seconds for which an upstream may be silent."""

    @property
    def max_body(self) -> int:
        """Bytes of a request body that are taken."""

    def claim(self, context: Context, request: http.Request) -> str | None:
        """How a request came to be ours (`reverse`, `proxy`); None where it is not."""

    def wire(self, flow: http.HTTPFlow) -> http.Request | None:
        """The request as it goes to the upstream; None where it must not go."""

    def render(self, error: RelayError, flow: http.HTTPFlow | None = None) -> http.Response:
        """An error as an answer in the client's dialect."""
