"""What the protocol layer asks the addons, so that neither has to know the other."""

from __future__ import annotations

from typing import Literal, Protocol

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy.context import Context

from ..errors import RelayError
from ..interception import Decision
from ..next_proxy import Proxy


class Policy(Protocol):
    """What this layer asks the addons."""

    connect_timeout: float

    @property
    def timeout(self) -> float:
        """Seconds for which an upstream may be silent."""

    def patience(self, flow: http.HTTPFlow) -> float:
        """Seconds for which whoever answers this flow may be silent."""

    @property
    def max_body(self) -> int:
        """Bytes of a request body that are taken."""

    @property
    def keeps_bodies(self) -> bool:
        """Whether streamed bodies are kept, for somebody to look at."""

    @property
    def max_kept(self) -> int:
        """Bytes of one streamed body that are kept at most."""

    @property
    def checks_heads(self) -> bool:
        """Whether request and response heads are held to the letter of HTTP."""

    def decide(self, name: str | None) -> Decision:
        """Whether a connection with this name is ours."""

    def is_pinned(self, name: str) -> bool:
        """Whether a virtual host has to be left alone, as its client trusts no other's word."""

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy that stands between this machine and a host, if one does."""

    def may_pass(self, client: Client, login: bytes) -> bool:
        """Whether a client may go through here to others, with this login at the proxy."""

    def count(self, what: Literal["tunnelled", "intercepted"]) -> None:
        """Count a connection."""

    def claim(self, context: Context, request: http.Request) -> str | None:
        """How a request came to be ours (`reverse`, `proxy`); None where it is not."""

    def is_unseen(self, request: http.Request) -> bool:
        """Whether a request is nobody's call, so that nothing shows or keeps it."""

    def wire(self, flow: http.HTTPFlow) -> http.Request | None:
        """The request as it goes to the upstream; None where it must not go."""

    def render(self, error: RelayError, flow: http.HTTPFlow | None = None) -> http.Response:
        """An error as an answer in the client's dialect."""
