"""Where the browser comes back to: a listener on loopback that takes one login's callback.

Rules:
1. Only `GET /oauth2callback` counts, and only by a loopback name (DNS rebinding); whatever else
   comes, be it a foreign state, is answered and changes nothing.
2. It listens on ::1 as well, as `localhost` may mean that to the browser. Where somebody else has
   the port there, it is not taken: the code would go to them.
3. The page is on its way to the browser before the login goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from ..credential import Secret
from ..errors import LoginRefused
from ..oauth import CALLBACK_PATH
from .answer import render_answer
from .asked import Asked, parse_head
from .oauth import OAuthLogin
from .pasted import code_from_pasted as code_from_pasted
from .ports import listen

MAX_HEAD: Final = 64 << 10
"""Bytes of a request: cookies for localhost are those of every program there."""

MAX_CONNECTIONS: Final = 64
"""At once: browsers open a few and use one."""

SILENCE: Final = 10.0
"""Seconds that a connection may take to ask."""

POLL: Final = 0.1
"""Seconds between two looks at the clock."""

STATUSES: Final = {"not_found": b"404 Not Found", "forbidden_host": b"403 Forbidden"}

ENDING: Final = frozenset({"access_denied", "login_refused", "login_expired"})
"""Refusals that end the wait."""


class Callback:
    """Listens from its beginning as a context to its end; raises LoginRefused without a port."""

    redirect: str
    """Where the login service is to send the browser."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._ended = threading.Event()
        self._outcome: Secret | LoginRefused | None = None
        self._thread: threading.Thread | None = None
        self._open = 0

    def wait(self, login: OAuthLogin) -> Secret:
        """The code that the browser brings; raises LoginRefused where the login is over without."""
        self._begin(login)
        while not self._ended.wait(POLL):
            if login.expired:
                raise login.give_up()
        if isinstance(self._outcome, Secret):
            return self._outcome
        raise self._outcome or LoginRefused("The login was given up: begin again.")

    def __enter__(self) -> Self:
        self._sockets = listen(self._environ)
        port = self._sockets[0].getsockname()[1]
        self.redirect = f"http://localhost:{port}{CALLBACK_PATH}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        for listener in self._sockets:
            listener.close()

    def _begin(self, login: OAuthLogin) -> None:
        self._login = login
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="callback", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for listener in self._sockets:
                server = await asyncio.start_server(self._converse, sock=listener, limit=MAX_HEAD)
                stack.callback(server.close)
            await self._stop.wait()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(SILENCE):
            asked = parse_head(await reader.readuntil(b"\r\n\r\n"))
        try:
            writer.write(_render(self._decide(asked), asked))
            writer.write_eof()
            await writer.drain()
        finally:
            if self._outcome is not None:
                self._ended.set()

    def _decide(self, asked: Asked) -> str:
        """Which page is shown; what ends the wait is the outcome then."""
        if not asked.is_local:
            return "forbidden_host"
        if asked.method != "GET" or asked.path != CALLBACK_PATH:
            return "not_found"
        if isinstance(self._outcome, LoginRefused):
            return self._outcome.code
        try:
            self._outcome = self._login.take(asked.query)
        except LoginRefused as refusal:
            if refusal.code in ENDING:
                self._outcome = refusal
            return refusal.code
        return "received"


def _render(code: str, asked: Asked) -> bytes:
    ok = code in ("received", "login_used")
    fields, body = render_answer(ok, code, asked.language)
    status = STATUSES.get(code, b"200 OK" if ok else b"400 Bad Request")
    own = ((b"Content-Length", b"%d" % len(body)), (b"Connection", b"close"))
    lines = [b"HTTP/1.1 " + status, *(b": ".join(field) for field in (*fields, *own)), b"", b""]
    return b"\r\n".join(lines) + (b"" if asked.method == "HEAD" else body)
