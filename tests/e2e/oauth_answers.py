"""What the simulated OAuth service says on the wire."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.e2e.threaded import Answering

if TYPE_CHECKING:
    from tests.e2e.oauth_service import OAuthService

TOO_MANY = "当前和我聊天的人太多了"
"""Too many people are talking to me."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    kind: str = "application/json;charset=UTF-8"

    @classmethod
    def json(cls, status: int, value: object) -> Self:
        """One that holds JSON."""
        return cls(status, json.dumps(value, ensure_ascii=False).encode())

    @classmethod
    def refusal(cls, status: int, error: str, why: str) -> Self:
        """A refusal as OAuth has it (RFC 6749, 5.2)."""
        return cls.json(status, {"error": error, "error_description": why})


NOTHING = {"exception": None, "data": None, "extra": None}
FAULTS = {
    "success_false": Answer.json(
        200, {"success": False, "code": "500", "message": TOO_MANY} | NOTHING
    ),
    "invalid_grant": Answer.refusal(400, "invalid_grant", "Invalid refresh token"),
    "invalid_client": Answer.refusal(401, "invalid_client", "Bad client credentials"),
    "invalid_client_400": Answer.refusal(400, "invalid_client", "Bad client credentials"),
    "unauthorized": Answer.refusal(401, "invalid_token", "Invalid access token"),
    "down": Answer(503, b"Service Unavailable", "text/plain"),
    "garbage": Answer(200, b"\x00\xff{not json"),
    "html": Answer(200, b"<!doctype html><title>Gateway</title>", "text/html"),
    "huge": Answer(200, b'{"access_token": "' + b"x" * (3 << 20) + b'"}'),
}

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Log in</title>
<h1>Let it use your account?</h1>
<p><a id="agree" href="{agree}">Log in</a></p>
<p><a id="deny" href="{deny}">Deny</a></p>
"""


class OAuthAnswering(Answering):
    """One connection to the service."""

    def do_GET(self) -> None:
        """The page that asks, or who has a token."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._note(parts.path, query, {})
        if parts.path == "/oauth":
            self._ask(query)
        elif parts.path == "/api/oauth/getUserInfo":
            self._serve("user_info", lambda: self._tell_account(query))
        else:
            self._give(Answer(404, b"no such page", "text/plain"))

    def do_POST(self) -> None:
        """Tokens."""
        form = dict(parse_qsl(self.body().decode(), keep_blank_values=True))
        path = urlsplit(self.path).path
        self._note(path, {}, form)
        if path != "/oauth/token":
            self._give(Answer(404, b"no such page", "text/plain"))
            return
        with self.of.lock:
            self.of.grants[form.get("grant_type", "")] += 1
        self._serve("token", lambda: self._tell_tokens(form))

    @property
    def of(self) -> OAuthService:
        """The service that this connection is to."""
        owner: OAuthService = self.server.owner
        return owner

    def _note(self, path: str, query: dict[str, str], form: dict[str, str]) -> None:
        from tests.e2e.oauth_service import Call

        fields = {name.lower(): value for name, value in self.headers.items()}
        with self.of.lock:
            self.of.calls[path] += 1
            self.of.journal.append(Call(self.command, path, query, form, fields))

    def _serve(self, what: str, good: Callable[[], Answer]) -> None:
        """The answer of the moment: after the pause, at the open gate, with its fault or none."""
        of, way = self.of, self.of.behaviour
        with of.lock:
            of.waiting += 1
        try:
            self.server.ending.wait(way.slow)
            of.gate.wait(30)
        finally:
            with of.lock:
                of.waiting -= 1
        fault = self._take_fault(what)
        if fault == "hang_up":
            self.hang_up()
        elif fault == "redirect":
            self._redirect(of.behaviour.location)
        elif fault:
            self._give(FAULTS[fault])
        else:
            self._give(good())

    def _take_fault(self, what: str) -> str | None:
        """The fault that this call meets, one less of which is left."""
        with self.of.lock:
            way = self.of.behaviour
            if way.fault is None or way.at not in (what, "both"):
                return None
            if way.times is not None:
                if way.times <= 0:
                    return None
                way.times -= 1
            return way.fault

    def _ask(self, query: dict[str, str]) -> None:
        """The page with its two buttons; a client that asks wrongly is told so."""
        redirect, state = query.get("redirect", ""), query.get("state", "")
        expected = {"loginMethod": "phone", "type": "phone", "client_id": self.of.client_id}
        wrong = [name for name, value in expected.items() if query.get(name) != value]
        wrong += [name for name in ("redirect", "state") if not query.get(name)]
        if wrong or urlsplit(redirect).scheme not in ("http", "https"):
            self._complain(f"the page was asked for with wrong {wrong or redirect}")
            self._give(Answer(400, f"wrong: {wrong}".encode(), "text/plain"))
            return
        agree = {"code": self.of.make_code(redirect), "state": state}
        deny = {"error": "access_denied", "state": state}
        mark = "&" if "?" in redirect else "?"
        links = {
            name: escape(f"{redirect}{mark}{urlencode(fields)}")
            for name, fields in (("agree", agree), ("deny", deny))
        }
        self._give(Answer(200, PAGE.format(**links).encode(), "text/html; charset=utf-8"))

    def _tell_tokens(self, form: dict[str, str]) -> Answer:
        of = self.of
        basic = "Basic " + b64encode(f"{of.client_id}:{of.secret}".encode()).decode()
        named = form.get("client_id") == of.client_id and form.get("client_secret") == of.secret
        if self.headers.get("Authorization") != basic or not named:
            return FAULTS["invalid_client"]
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            self._complain("the form was not sent as one")
            return Answer.refusal(400, "invalid_request", "no form")
        if self.headers.get("Accept") != "application/json":
            self._complain("no JSON was asked for")
        return of.redeem(form)

    def _tell_account(self, query: dict[str, str]) -> Answer:
        if "accessToken" not in query or "Authorization" in self.headers:
            self._complain("the access token was not sent in the query alone")
            return Answer.refusal(400, "invalid_request", "accessToken is missing")
        return self.of.account(query["accessToken"])

    def _complain(self, what: str) -> None:
        with self.of.lock:
            self.of.complaints.append(what)

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _give(self, answer: Answer) -> None:
        self.send(answer.status, answer.body, answer.kind)
