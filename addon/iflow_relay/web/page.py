"""The relay's own page: its routes, and what each is answered with."""

from __future__ import annotations

import logging
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from ..credential import Secret
from ..errors import (
    InternalError,
    MethodNotAllowed,
    NotFound,
    RelayEnds,
    RelayError,
    render_error_body,
)
from ..jsontext import to_json
from ..login.answer import render_answer
from ..oauth import CALLBACK_PATH
from .asked import Asked, Said
from .assets import Assets
from .calls import Calls, Json
from .guarding import check_page, check_token, read_object, secured
from .inside import Inside
from .redacting import make_redact

logger = logging.getLogger(__name__)

JSON: Final = (b"Content-Type", b"application/json")

ASSETS: Final = "/ui/"

READ: Final = ("GET", "HEAD")


class Call(NamedTuple):
    """One JSON call: the methods that it takes, and what makes its answer."""

    methods: tuple[str, ...]
    answer: Callable[[Asked, Json], Awaitable[Json]]


class Page:
    """Answers what is asked of the page; one for each start of the relay."""

    def __init__(
        self,
        inside: Inside,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = Secret(secrets.token_urlsafe(32))
        """What every JSON call carries: it stands in the page, which only its own origin reads."""
        self._ends = False
        self._inside = inside
        self._environ = environ
        self._assets = Assets(self.token)
        calls = self._calls = Calls(inside, environ, clock)
        self._routes = {
            "/ui/state": Call(READ, calls.state),
            "/ui/upstreams": Call(READ, calls.upstreams),
            "/ui/models": Call(READ, calls.models),
            "/ui/usage": Call(READ, calls.usage),
            "/ui/login/key": Call(("POST",), calls.log_in_by_key),
            "/ui/login/oauth": Call(("POST",), calls.log_in_by_oauth),
            "/ui/login/oauth/paste": Call(("POST",), calls.paste),
            "/ui/login/oauth/cancel": Call(("POST",), calls.cancel),
            "/ui/logout": Call(("POST",), calls.log_out),
        }

    def close(self) -> None:
        """The relay ends: what is still asked meets an end as well, and that is no fault."""
        self._ends = True

    async def answer(self, asked: Asked) -> Said:
        """What to say; an error is said as well, and never raised."""
        try:
            said = await self._answer(asked)
        except RelayError as error:
            said = self._render(error)
        except Exception as error:
            if self._ends:
                return self._render(RelayEnds("The relay is ending."))
            # Without the error's own words: they may quote what was posted.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("A fault of the page's own: %s at %r\n%s", type(error), asked, where)
            said = self._render(InternalError("The relay met a fault of its own: see its log."))
        return _framed(asked, said)

    async def _answer(self, asked: Asked) -> Said:
        check_page(asked, open_to_links=asked.path in ("/", CALLBACK_PATH))
        if call := self._routes.get(asked.path):
            return await self._answer_call(asked, call)
        if asked.path == "/":
            _check_method(asked, READ)
            return self._assets.page()
        if asked.path == CALLBACK_PATH:
            # A HEAD would use up the code, which works once.
            _check_method(asked, ("GET",))
            return await self._answer_callback(asked)
        if not asked.path.startswith(ASSETS):
            raise NotFound("The page has nothing there.")
        said = self._assets.file(asked.path.removeprefix(ASSETS), asked)
        _check_method(asked, READ)
        return said

    async def _answer_call(self, asked: Asked, call: Call) -> Said:
        _check_method(asked, call.methods)
        check_token(asked, self.token)
        posted = read_object(asked) if asked.method == "POST" else {}
        return Said(200, (JSON,), to_json(await call.answer(asked, posted)))

    async def _answer_callback(self, asked: Asked) -> Said:
        language = asked.given.get("accept-language", "")
        try:
            await self._calls.logins.take_callback(asked.query)
        except RelayError as error:
            fields, body = render_answer(False, error.code, language)
            return Said(400, fields, body)
        fields, body = render_answer(True, "logged_in", language)
        return Said(200, fields, body)

    def _render(self, error: RelayError) -> Said:
        error = error.redact(make_redact(self._inside, self._environ))
        return Said(error.status, (JSON, *error.fields), render_error_body(error))


def _framed(asked: Asked, said: Said) -> Said:
    """The answer as it is sent: a HEAD gets the length that a GET would (RFC 9110, section 8.6)."""
    length = (b"Content-Length", b"%d" % len(said.body))
    fields = said.fields if said.status == 304 else (*said.fields, length)
    return Said(said.status, secured(fields), b"" if asked.method == "HEAD" else said.body)


def _check_method(asked: Asked, allowed: tuple[str, ...]) -> None:
    if asked.method not in allowed:
        methods = ", ".join(allowed)
        raise MethodNotAllowed(f"There is no {asked.method[:20]} {asked.path}: {methods}.", methods)
