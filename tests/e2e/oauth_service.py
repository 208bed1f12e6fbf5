"""Plays iFlow's OAuth service on a real socket: the page that asks, the tokens, the key.

Everything that was seen of the real one can be had by `behaviour`, which may be changed while it
runs. What a client sends that the real one would not take is refused, and noted in `complaints`.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import unescape
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2
from tests.e2e.keyed_upstream import KeyedUpstream as KeyedUpstream
from tests.e2e.oauth_answers import Answer, OAuthAnswering
from tests.e2e.threaded import Player

Fault = Literal[
    "success_false",  # HTTP 200, success:false, code "500", "too many people are talking to me"
    "invalid_grant",  # 400
    "invalid_client",  # 401
    "invalid_client_400",
    "unauthorized",  # 401, as getUserInfo answers to a token that it does not know
    "down",  # 503
    "hang_up",
    "garbage",
    "html",
    "redirect",  # to `behaviour.location`
    "huge",  # more than any answer of its kind has
]

TOKEN = "/oauth/token"
USER_INFO = "/api/oauth/getUserInfo"


@dataclass(slots=True)
class Behaviour:
    """How it answers; times in seconds."""

    fault: Fault | None = None
    at: Literal["token", "user_info", "both"] = "token"
    times: int | None = None
    """After so many calls with the fault all is well again; None: for good."""
    slow: float = 0.0
    refresh_token: Literal["rotated", "same", "none"] = "rotated"
    wrapped: bool = False
    expires_in: object = 30 * 24 * 3600
    """What the answer says; None: nothing."""
    new_key: bool = True
    """Whether a refresh gives another API key, or the one of before."""
    ends_old_key: bool = False
    """Whether a refresh takes the old key out of `valid_keys`."""
    location: str = "http://127.0.0.1:9/"
    account: Mapping[str, object] | None = None
    """What getUserInfo says beside the key; None: an address, a telephone number and a name."""


class Call(NamedTuple):
    """One call that came."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    fields: dict[str, str]
    """Header fields, names in lower case."""


class Granted(NamedTuple):
    """What one login was given."""

    key: str
    access: str
    refresh: str


class OAuthService(Player):
    """The service; `url` is what the relay takes as `iflow_oauth_url` or IFLOW_OAUTH_URL.

    At `gate` calls for tokens and keys wait.
    """

    client_id = "10009311001"
    secret = "a-made-up-client-secret"

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.lock = threading.RLock()
        self.waiting = 0
        """How many calls wait at the gate."""
        self.calls: Counter[str] = Counter()
        """Calls by path."""
        self.grants: Counter[str] = Counter()
        """Calls for tokens by `grant_type`, good and bad."""
        self.journal: list[Call] = []
        self.complaints: list[str] = []
        self.codes: dict[str, str] = {}
        """Codes that nobody has redeemed, with the redirect that each was made for."""
        self.refresh_tokens: dict[str, str] = {}
        """The refresh tokens that are good, with the key of each."""
        self.access_tokens: dict[str, str] = {}
        self.valid_keys: set[str] = set()
        """Keys that an upstream should take: share it with a KeyedUpstream."""
        self.key = ""
        """The API key given last."""
        self._count = 0
        super().__init__(OAuthAnswering)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that have a relay use it."""
        return {"IFLOW_OAUTH_URL": self.url, "IFLOW_OAUTH_CLIENT_SECRET": self.secret}

    @property
    def refreshes(self) -> int:
        """How often a refresh was asked for."""
        with self.lock:
            return self.grants["refresh_token"]

    def behave(self, **changes: Any) -> None:
        """Behave as usual but for these changes."""
        with self.lock:
            self.behaviour = replace(Behaviour(), **changes)

    def issue(self) -> Granted:
        """What a login that is over would have been given."""
        with self.lock:
            self.key = self._make("sk-oauth")
            self.valid_keys.add(self.key)
            granted = Granted(self.key, self._make("access"), self._make("refresh"))
            self.access_tokens[granted.access] = granted.key
            self.refresh_tokens[granted.refresh] = granted.key
            return granted

    def authorize(self, url: str, *, deny: bool = False) -> str:
        """Open the page and press a button there; gives the address it leads to, not followed."""
        status, page = follow(url)
        assert status == 200, page
        button = "deny" if deny else "agree"
        found = re.search(rf'id="{button}" href="([^"]*)"', page)
        assert found, page
        return unescape(found[1])

    def forget(self) -> None:
        """End every login there is: no refresh token is good any more."""
        with self.lock:
            self.refresh_tokens.clear()
            self.access_tokens.clear()

    def make_code(self, redirect: str) -> str:
        """A code for a redirect, to be redeemed once."""
        with self.lock:
            code = self._make("code")
            self.codes[code] = redirect
            return code

    def redeem(self, form: Mapping[str, str]) -> Answer:
        """The answer to a code or a refresh token."""
        with self.lock:
            if form.get("grant_type") == "authorization_code":
                redirect = self.codes.pop(form.get("code", ""), None)
                if redirect is None or redirect != form.get("redirect_uri"):
                    return Answer.refusal(400, "invalid_grant", "Invalid authorization code")
                granted = self.issue()
                return self._tokens(granted.access, granted.refresh)
            if form.get("grant_type") == "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
            return Answer.refusal(400, "unsupported_grant_type", "Unsupported grant type")

    def account(self, access: str) -> Answer:
        """Who has this access token, and the key."""
        with self.lock:
            key = self.access_tokens.get(access)
        if key is None:
            return Answer.refusal(401, "invalid_token", "Invalid access token")
        usual = {"email": "someone@example.com", "phone": "13800000000", "username": "someone"}
        told = usual if self.behaviour.account is None else dict(self.behaviour.account)
        return Answer.json(200, {"success": True, "data": {"apiKey": key} | told})

    def _refresh(self, token: str) -> Answer:
        old_key = self.refresh_tokens.get(token)
        if old_key is None:
            return Answer.refusal(400, "invalid_grant", "Invalid refresh token")
        way = self.behaviour
        if way.new_key:
            self.key = self._make("sk-oauth")
            self.valid_keys.add(self.key)
        if way.ends_old_key and self.key != old_key:
            self.valid_keys.discard(old_key)
        key = self.key if way.new_key else old_key
        access = self._make("access")
        self.access_tokens[access] = key
        if way.refresh_token == "rotated":
            del self.refresh_tokens[token]
            token = self._make("refresh")
        self.refresh_tokens[token] = key
        return self._tokens(access, None if way.refresh_token == "none" else token)

    def _tokens(self, access: str, refresh: str | None) -> Answer:
        told = {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.behaviour.expires_in,
            "token_type": "bearer",
            "scope": "read write",
        }
        told = {name: value for name, value in told.items() if value is not None}
        if self.behaviour.wrapped:
            told = {"success": True, "data": told}
        return Answer.json(200, told)

    def _make(self, kind: str) -> str:
        """Something new of its kind, with letters that have to be escaped in a URL and a form."""
        self._count += 1
        strange = "" if kind == "sk-oauth" else "+/=&"
        return f"{kind}{strange}-{self._count:06d}-{self.port:05d}"


def follow(url: str, **fields: str) -> tuple[int, str]:
    """What a browser shows for an address: status and text, whatever the status."""
    answer = httpx2.get(url, headers=fields, trust_env=False, timeout=10)
    return answer.status_code, answer.text


def read_query(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **changes: str | None) -> str:
    """The address with other parameters; None removes one."""
    parts = urlsplit(url)
    query = {
        name: value for name, value in (read_query(url) | changes).items() if value is not None
    }
    text = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in query.items())
    return parts._replace(query=text).geturl()
