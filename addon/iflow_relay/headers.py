"""Headers rewritten: what of a request reaches the upstream, what of an answer the client.

Fields are pairs of bytes as HTTP carries them, in the order in which they came.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable

from .credential import BaseUrl, Secret

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]

HOP_BY_HOP = frozenset(
    b"connection proxy-connection keep-alive te trailer transfer-encoding upgrade "
    b"proxy-authenticate proxy-authorization http2-settings".split()
)
"""Fields that concern one connection alone (RFC 9110, section 7.6.1)."""

CREDENTIALS = frozenset(
    b"authorization x-api-key api-key x-goog-api-key openai-organization openai-project "
    b"cookie cookie2".split()
)
"""Fields by which an app shows who it is to the API it believes it talks to."""

BROWSER = frozenset(
    b"origin referer sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user dnt "
    b"access-control-request-method access-control-request-headers".split()
)
"""Fields that tell which page calls: the relay's affair, and some upstreams refuse by them."""

_SECRET = CREDENTIALS | {b"proxy-authorization"}

_REPLACED = frozenset(b"host user-agent accept-encoding content-length expect via".split())

_DROPPED = HOP_BY_HOP | CREDENTIALS | BROWSER | _REPLACED

_ANSWER_DROPPED = HOP_BY_HOP | frozenset(
    b"set-cookie set-cookie2 alt-svc strict-transport-security public-key-pins nel report-to "
    b"access-control-allow-origin access-control-allow-credentials access-control-expose-headers "
    b"access-control-allow-methods access-control-allow-headers access-control-max-age".split()
)
"""Fields that speak for the upstream's host, which the client never talked to."""

CLI_USER_AGENT = "iFlow-Cli"


def user_agent(rule: str, base_url: BaseUrl, client: str) -> str:
    """The User-Agent for the upstream: the CLI's to iFlow's hosts, the client's own elsewhere."""
    if rule == "auto":
        return CLI_USER_AGENT if base_url.is_iflow else client
    return client if rule == "client" else rule


def request_fields(
    fields: Iterable[Field], *, authority: str, agent: str, via: str, length: int | None
) -> Fields:
    """A request's fields for the upstream, with no credential of anybody's in them."""
    fields = tuple(fields)
    named = _connection_options(fields)
    kept = [f for f in fields if (name := f[0].lower()) not in _DROPPED and name not in named]
    ours = [
        (b"Host", authority.encode()),
        (b"Accept-Encoding", b"identity"),
        (b"Via", via.encode()),
    ]
    if agent:
        ours.append((b"User-Agent", agent.encode("utf-8", "surrogateescape")))
    if length is not None:
        ours.append((b"Content-Length", b"%d" % length))
    return (*ours, *kept)


def authorization(key: Secret | None) -> Fields:
    """The field that logs in at the upstream; none where the upstream wants no key."""
    return ((b"Authorization", b"Bearer " + key.reveal().encode()),) if key else ()


def masked_authorization(key: Secret | None) -> Fields:
    """The same field as it may be seen: in the recorded flow, in mitmweb, in an export."""
    return ((b"Authorization", f"Bearer {key.masked}".encode()),) if key else ()


def answer_fields(fields: Iterable[Field], *, cors: Fields = (), drop: frozenset[bytes]) -> Fields:
    """An answer's fields for the client, without those in `drop` (lower case)."""
    fields = tuple(fields)
    named = _connection_options(fields)
    kept = [
        f
        for f in fields
        if (name := f[0].lower()) not in _ANSWER_DROPPED and name not in drop and name not in named
    ]
    return (*kept, *cors)


def kept_with_error(fields: Fields) -> Fields:
    """What of a refused answer's fields its error still needs: when to try again, whom to ask."""
    kept = (b"retry-after", b"x-ratelimit-", b"ratelimit", b"x-request-id", b"x-should-retry")
    return tuple(field for field in fields if field[0].lower().startswith(kept))


def without_credentials(fields: Fields) -> Fields:
    """A request's fields as they may be recorded: what an app logs in with is gone."""
    return tuple(f for f in fields if f[0].lower() not in _SECRET)


def via(fields: Fields, name: str) -> str:
    """The `Via` of a request that passes here: everybody it has passed, and this relay."""
    passed = [value.decode("latin-1") for field, value in fields if field.lower() == b"via"]
    return ", ".join([*passed, f"1.1 {name}"])


def by_name(fields: Fields) -> dict[str, str]:
    """The values by name in lower case; where a name comes again, joined as RFC 9110 has it."""
    found: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("utf-8", "surrogateescape")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def presented_key(fields: Iterable[Field]) -> str | None:
    """The key a client presents, in any of the fields that clients use for it."""
    found = {name.lower(): value for name, value in reversed(tuple(fields))}
    if authorization := found.get(b"authorization"):
        scheme, _, value = authorization.decode("latin-1").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None
    for name in (b"x-api-key", b"api-key", b"x-goog-api-key"):
        if value_ := found.get(name):
            return value_.decode("latin-1").strip()
    return None


def login_key(login: bytes) -> str | None:
    """The key in an `Authorization` field: a bearer's, or the password beside any name."""
    scheme, _, value = login.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        _, colon, password = b64decode(value.strip()).decode("utf-8").partition(":")
    except ValueError:
        return None
    return password if colon else None


def cors_fields(origin: str | None) -> Fields:
    """The fields that let an allowed page read the answer."""
    if origin is None:
        return ()
    return (
        (b"Access-Control-Allow-Origin", origin.encode("latin-1", "replace")),
        (b"Access-Control-Expose-Headers", b"*"),
        (b"Vary", b"Origin"),
    )


def preflight_fields(origin: str, requested: str) -> Fields:
    """The answer to a browser's question whether a page may call with these headers."""
    return (
        *cors_fields(origin),
        (b"Access-Control-Allow-Methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        (b"Access-Control-Allow-Headers", requested.encode("latin-1", "replace") or b"*"),
        (b"Access-Control-Allow-Private-Network", b"true"),
        (b"Access-Control-Max-Age", b"600"),
    )


def _connection_options(fields: Fields) -> frozenset[bytes]:
    """The further fields that `Connection` names as its own."""
    values = [value for name, value in fields if name.lower() == b"connection"]
    return frozenset(option.strip().lower() for option in b",".join(values).split(b","))
