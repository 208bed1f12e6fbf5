"""Trades a code, or a refresh token, for a key: sends what `oauth` prepares, and reads the answers.

Rules:
1. A grant works once. So what it gave is not lost where the second call fails, the one that tells
   the API key: that is tried again, and then the tokens go along with the error.
2. No redirect is followed, no proxy of the environment taken: it may be this relay.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, quote_plus

from .credential import Secret
from .errors import LoginRefused, LoginRequired, LoginServiceFailed, RelayError
from .next_proxy import Proxy
from .oauth import (
    Account,
    OAuthClient,
    Request,
    Tokens,
    parse_account,
    parse_tokens,
    prepare_account,
    prepare_exchange,
    prepare_refresh,
)

if TYPE_CHECKING:
    import httpx2

MAX_BODY: Final = 1 << 20
"""Bytes of an answer that are read: real ones have a few hundred."""

LEAST: Final = 4
"""Letters of a secret that is hidden: fewer stand in every other word."""

PAUSES: Final = (0.5, 1.5)
"""Seconds before each further try to get the API key with an access token."""


class Login(NamedTuple):
    """What a login or its renewal came to; `expires` in seconds since 1970."""

    key: Secret
    access: Secret
    refresh: Secret | None
    expires: float | None
    account: str | None


class HalfRenewed(LoginServiceFailed):
    """A refresh token was traded for others, but the service did not tell the key."""

    def __init__(self, message: str, access: Secret, refresh: Secret) -> None:
        super().__init__(message)
        self.access = access
        self.refresh = refresh


class Way(NamedTuple):
    """How to the service; `timeout` in seconds for each call."""

    client: OAuthClient
    proxy: Proxy | None
    timeout: float
    context: ssl.SSLContext | None
    rest: Callable[[float], None]


def redeem(
    client: OAuthClient,
    code: Secret,
    redirect: str,
    proxy: Proxy | None = None,
    timeout: float = 15.0,
    *,
    now: Callable[[], float] = time.time,
    context: ssl.SSLContext | None = None,
    rest: Callable[[float], None] = time.sleep,
) -> Login:
    """Trade the code of a login for a key.

    Raises LoginRefused where the service does not take the code, LoginUnavailable where it does not
    take the client secret, and LoginServiceFailed.
    """
    way = Way(client, proxy, timeout, context, rest)
    try:
        tokens = _get_tokens(way, prepare_exchange(client, code, redirect), code)
    except LoginRequired:
        raise LoginRefused(
            "The login service did not take the code: it works once, and only for a short time. "
            "Begin the login again."
        ) from None
    try:
        account = _get_account(way, tokens)
    except LoginRequired:
        raise LoginRefused(
            "The login service does not know the login that it has just given. Begin it again."
        ) from None
    return _login(tokens, tokens.refresh, account, now())


def renew(
    client: OAuthClient,
    refresh: Secret,
    proxy: Proxy | None = None,
    timeout: float = 15.0,
    *,
    now: Callable[[], float] = time.time,
    context: ssl.SSLContext | None = None,
    rest: Callable[[float], None] = time.sleep,
) -> Login:
    """Trade a refresh token for a key; it goes on where the service gives no other.

    Raises LoginRequired and LoginUnavailable for good; LoginServiceFailed, as HalfRenewed where the
    old refresh token may be worth nothing any more.
    """
    way = Way(client, proxy, timeout, context, rest)
    tokens = _get_tokens(way, prepare_refresh(client, refresh), refresh)
    next_refresh = tokens.refresh or refresh
    try:
        account = _get_account(way, tokens)
    except LoginServiceFailed as error:
        raise HalfRenewed(error.message, tokens.access, next_refresh) from error
    return _login(tokens, next_refresh, account, now())


def _login(tokens: Tokens, refresh: Secret | None, account: Account, now: float) -> Login:
    expires = None if tokens.expires_in is None else now + tokens.expires_in
    return Login(account.key, tokens.access, refresh, expires, account.name)


def _get_tokens(way: Way, request: Request, grant: Secret) -> Tokens:
    with _hiding(way.client.secret, grant):
        return parse_tokens(*_send(way, request))


def _get_account(way: Way, tokens: Tokens) -> Account:
    """The key that belongs to an access token; tried again, as what gave the token is used up."""
    for pause in PAUSES:
        try:
            return _ask_account(way, tokens)
        except LoginServiceFailed:
            way.rest(pause)
    return _ask_account(way, tokens)


def _ask_account(way: Way, tokens: Tokens) -> Account:
    with _hiding(tokens.access):
        return parse_account(*_send(way, prepare_account(way.client, tokens.access)))


@contextmanager
def _hiding(*secrets: Secret) -> Iterator[None]:
    """Has errors pass with these secrets masked, however they are written."""
    try:
        yield
    except RelayError as error:
        error.redact(lambda text: _mask(text, secrets))
        raise


def _mask(text: str, secrets: Iterable[Secret]) -> str:
    for secret in secrets:
        plain = secret.reveal()
        for written in {plain, quote(plain, safe=""), quote_plus(plain)}:
            if len(written) >= LEAST:
                text = text.replace(written, secret.masked)
    return text


def _send(way: Way, request: Request) -> tuple[int, bytes]:
    """Status and body of the answer; raises LoginServiceFailed."""
    import httpx2  # here, because it costs a start that never logs in

    where = way.client.url
    try:
        return _send_once(way, request)
    except httpx2.TimeoutException:
        message = f"The login service ({where}) does not answer: try again later."
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        message = f"The login service ({where}) cannot be reached: {reason}."
    # Outside the except clause: what was sent hangs on the other error.
    raise LoginServiceFailed(message)


def _send_once(way: Way, request: Request) -> tuple[int, bytes]:
    """Through the bare transport: a client would log the address, and with it the access token."""
    import httpx2

    end = time.monotonic() + way.timeout
    fields = (*request.fields, ("Accept-Encoding", "identity"), ("User-Agent", "iflow-relay"))
    prepared = httpx2.Request(
        request.method,
        request.url,
        headers=list(fields),
        content=request.body or None,
        extensions={"timeout": httpx2.Timeout(way.timeout).as_dict()},
    )
    with httpx2.HTTPTransport(
        verify=way.context or True, trust_env=False, proxy=_render(way.proxy)
    ) as transport:
        answer = transport.handle_request(prepared)
        try:
            return answer.status_code, _read(answer, end)
        finally:
            answer.close()


def _render(proxy: Proxy | None) -> httpx2.Proxy | None:
    import httpx2

    if proxy is None:
        return None
    login = proxy.authorization
    return httpx2.Proxy(str(proxy), headers={"Proxy-Authorization": login} if login else None)


def _read(answer: httpx2.Response, end: float) -> bytes:
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) > MAX_BODY or time.monotonic() > end:
            raise LoginServiceFailed("The login service's answer does not come to an end.")
    return bytes(body)
