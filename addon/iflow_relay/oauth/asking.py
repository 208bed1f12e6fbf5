"""What is sent to the login service, and what the browser comes back with.

Rules:
1. The code flow without PKCE, with two names of its own: `redirect` on the page that asks, and
   `accessToken` in the query of the call that tells the API key, which refuses it in a header.
2. Client id and secret go both into the form and into HTTP Basic, as iFlow's own CLI does it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

from ..credential import BaseUrl, Secret, parse_base_url, parse_key
from ..errors import LoginRefused, LoginUnavailable

CLIENT_ID: Final = "10009311001"
"""The id of iFlow's CLI, which is public; its secret is not ours to give."""

DEFAULT_URL: Final = "https://iflow.cn"
CALLBACK_PATH: Final = "/oauth2callback"

URL_VARIABLE: Final = "IFLOW_OAUTH_URL"
SECRET_VARIABLE: Final = "IFLOW_OAUTH_CLIENT_SECRET"  # noqa: S105 - a name
SECRET_OPTION: Final = "iflow_oauth_client_secret"  # noqa: S105 - a name

MAX_CODE: Final = 4096
"""Letters of a code: real ones have a few dozen."""


class Configured(Protocol):
    """The two options that name the service and the secret for it."""

    @property
    def oauth_url(self) -> BaseUrl | None:
        """The service's address."""

    @property
    def oauth_client_secret(self) -> Secret | None:
        """The client secret."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who asks the login service, and where it is."""

    url: BaseUrl
    id: str
    secret: Secret


class Request(NamedTuple):
    """A call that is prepared, not sent; its repr shows no secret."""

    method: str
    url: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"


def find_client(config: Configured, environ: Mapping[str, str]) -> OAuthClient:
    """The client that options or environment name; raises LoginUnavailable with the reason."""
    secret = config.oauth_client_secret or _secret_of(environ)
    if secret is None:
        raise LoginUnavailable(
            "Logging in by OAuth needs the client secret of iFlow's CLI, which the relay does not "
            f"have: put it into {SECRET_VARIABLE} or the option {SECRET_OPTION}, or log in with "
            "an API key."
        )
    url = config.oauth_url or _url_of(environ)
    if url.scheme != "https" and not url.is_loopback:
        raise LoginUnavailable(
            f"The login service {url} has no https, so everybody on the way could read the client "
            f"secret and the tokens: mend {URL_VARIABLE} or iflow_oauth_url."
        )
    return OAuthClient(url, CLIENT_ID, secret)


def _secret_of(environ: Mapping[str, str]) -> Secret | None:
    text = environ.get(SECRET_VARIABLE, "")
    try:
        return parse_key(text) if text.strip() else None
    except ValueError as error:
        why = str(error).replace("the key", "the client secret")
        raise LoginUnavailable(f"{SECRET_VARIABLE}: {why}.") from None


def _url_of(environ: Mapping[str, str]) -> BaseUrl:
    try:
        return parse_base_url(environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL)
    except ValueError:
        # Not quoted: it may hold a password.
        raise LoginUnavailable(
            f"{URL_VARIABLE} is no address of a login service: write it like {DEFAULT_URL}."
        ) from None


def authorize_url(client: OAuthClient, redirect: str, state: str) -> str:
    """The page on which the owner of an account says yes."""
    query = {
        "loginMethod": "phone",
        "type": "phone",
        "redirect": redirect,
        "state": state,
        "client_id": client.id,
    }
    return f"{client.url}/oauth?{urlencode(query)}"


def prepare_exchange(client: OAuthClient, code: Secret, redirect: str) -> Request:
    """The call that trades a code for tokens; `redirect` as it stood in `authorize_url`."""
    return _prepare_grant(
        client,
        {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirect},
    )


def prepare_refresh(client: OAuthClient, refresh: Secret) -> Request:
    """The call that trades a refresh token for new tokens."""
    return _prepare_grant(
        client, {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}
    )


def prepare_account(client: OAuthClient, access: Secret) -> Request:
    """The call that tells whose an access token is, and the API key."""
    query = urlencode({"accessToken": access.reveal()})
    return Request("GET", f"{client.url}/api/oauth/getUserInfo?{query}", (_ACCEPT,))


_ACCEPT: Final = ("Accept", "application/json")


def _prepare_grant(client: OAuthClient, grant: Mapping[str, str]) -> Request:
    secret = client.secret.reveal()
    form = urlencode({**grant, "client_id": client.id, "client_secret": secret})
    basic = b64encode(f"{client.id}:{secret}".encode()).decode()
    fields = (
        _ACCEPT,
        ("Authorization", f"Basic {basic}"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    return Request("POST", f"{client.url}/oauth/token", fields, form.encode())


def parse_callback(query: str, state: str) -> Secret:
    """The code that the browser came back with; raises LoginRefused.

    Its code is `state_mismatch` where the callback is not known to be of this login, and says
    nothing else of it then; `access_denied` where the owner said no; else `login_refused`.
    """
    fields = parse_qsl(query.removeprefix("?"), keep_blank_values=True, errors="replace")
    given = [value for name, value in fields if name == "state"]
    if len(given) != 1 or not Secret(state).matches(given[0]):
        raise LoginRefused(
            "The answer is not one to this login: it has no state, or another one. Go on in the "
            "tab that the login opened, or begin again.",
            code="state_mismatch",
        )
    if errors := [value for name, value in fields if name == "error"]:
        raise _refusal(errors[0])
    codes = [value.strip() for name, value in fields if name == "code"]
    if len(codes) != 1 or not _is_code(codes[0]):
        raise LoginRefused("The login service gave no code: begin again.")
    return Secret(codes[0])


def _refusal(error: str) -> LoginRefused:
    if error == "access_denied":
        return LoginRefused(
            "The login was denied on the login service's page: nothing has changed.",
            code="access_denied",
        )
    known = error.isascii() and error.replace("_", "").isalpha() and len(error) <= 40
    named = f" ({error})" if known else ""
    return LoginRefused(f"The login service refused the login{named}: begin again.")


def _is_code(text: str) -> bool:
    return 0 < len(text) <= MAX_CODE and text.isascii() and text.isprintable()
