"""Everything that can go wrong, as one tree; each class says its status, its code and what to do.

RelayError
├── RequestError             400  the client's request is at fault; nothing was sent
│   ├── InvalidJson          400  invalid_json
│   ├── InvalidRequest       400  invalid_request
│   ├── InvalidPath          400  invalid_path
│   ├── InvalidHttp          400  invalid_http
│   ├── WrongKey             401  invalid_api_key
│   ├── ForbiddenHost        403  forbidden_host
│   ├── ForbiddenOrigin      403  forbidden_origin
│   ├── NotFound             404  not_found, model_not_found
│   ├── RequestTooLarge      413  request_too_large
│   ├── WebSocketRefused     426  websocket_unsupported
│   ├── HeadTooLarge         431  head_too_large
│   └── LoopDetected         508  loop_detected
├── CredentialError               the relay has nothing to log in with
│   ├── NotLoggedIn          401  not_logged_in
│   └── SettingsInvalid      503  settings_invalid
├── UpstreamError                 the upstream is at fault
│   ├── UpstreamUnreachable  502  upstream_unreachable
│   ├── UpstreamBroken       502  upstream_broken
│   ├── UpstreamInvalid      502  upstream_invalid
│   ├── EmptyResponse        502  empty_response
│   ├── UpstreamTimeout      504  upstream_timeout
│   └── UpstreamRefused           the upstream's own error, with its status
└── InternalError            500  internal_error
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .jsontext import to_json

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    426: "invalid_request_error",
    431: "invalid_request_error",
}
"""OpenAI's `type` for a status; every other is `api_error`."""


class RelayError(Exception):
    """An error that a client is told about, in its own dialect's shape."""

    status: int = 500
    code: str = "internal_error"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    """Header fields that go with it."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code:
            self.code = code

    def redact(self, redact: Callable[[str], str]) -> RelayError:
        """This error, with its message as `redact` leaves it."""
        self.message = redact(self.message)
        self.args = (self.message,)
        return self

    @property
    def type(self) -> str:
        """OpenAI's name for the kind of error."""
        return TYPES.get(self.status, "api_error")


class RequestError(RelayError):
    """The client's request is at fault; nothing of it was sent."""

    status = 400
    code = "invalid_request"


class InvalidJson(RequestError):
    """The body is no JSON."""

    code = "invalid_json"


class InvalidRequest(RequestError):
    """The body is JSON, but no request of this kind."""


class InvalidPath(RequestError):
    """The path has segments that could escape the upstream's base URL."""

    code = "invalid_path"


class InvalidHttp(RequestError):
    """The bytes are no HTTP request."""

    code = "invalid_http"


class WebSocketRefused(RequestError):
    """A WebSocket was asked for; this status makes clients that can fall back to HTTP do so.

    Codex falls back at once on a 426, and on anything else only after some tries (its pull request
    10139). The field is what RFC 9110, section 15.5.22 wants with it.
    """

    status = 426
    code = "websocket_unsupported"
    fields = ((b"Upgrade", b"HTTP/1.1"), (b"Connection", b"Upgrade"))


class WrongKey(RequestError):
    """The client's local key is missing or wrong."""

    status = 401
    code = "invalid_api_key"


class ForbiddenHost(RequestError):
    """The Host header names neither this machine nor a virtual host."""

    status = 403
    code = "forbidden_host"


class ForbiddenOrigin(RequestError):
    """A web page that was not allowed calls."""

    status = 403
    code = "forbidden_origin"


class NotFound(RequestError):
    """There is no such route, or no such model."""

    status = 404
    code = "not_found"


class RequestTooLarge(RequestError):
    """The body is larger than `iflow_max_body`."""

    status = 413
    code = "request_too_large"


class HeadTooLarge(RequestError):
    """The request line and headers are larger than any client sends."""

    status = 431
    code = "head_too_large"


class LoopDetected(RequestError):
    """The request came back to the relay that sent it."""

    status = 508
    code = "loop_detected"


class CredentialError(RelayError):
    """The relay has nothing to log in with."""


class NotLoggedIn(CredentialError):
    """No key was found anywhere."""

    status = 401
    code = "not_logged_in"


class SettingsInvalid(CredentialError):
    """settings.json cannot be read or understood."""

    status = 503
    code = "settings_invalid"


class UpstreamError(RelayError):
    """The upstream is at fault."""

    status = 502
    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection, no TLS, or closed before an answer."""

    code = "upstream_unreachable"


class UpstreamBroken(UpstreamError):
    """The answer began and broke off."""

    code = "upstream_broken"


class UpstreamInvalid(UpstreamError):
    """The answer is not what an OpenAI-compatible API sends."""

    code = "upstream_invalid"


class EmptyResponse(UpstreamError):
    """The answer has nothing in it."""

    code = "empty_response"


class UpstreamTimeout(UpstreamError):
    """The upstream was silent for too long."""

    status = 504
    code = "upstream_timeout"


class UpstreamRefused(UpstreamError):
    """The upstream's own error: its status and, where it gave them, its type, param and code."""

    CODES: ClassVar[dict[int, str]] = {
        400: "upstream_bad_request",
        401: "upstream_unauthorized",
        402: "upstream_payment_required",
        403: "upstream_forbidden",
        404: "upstream_not_found",
        406: "upstream_not_acceptable",
        413: "upstream_too_large",
        422: "upstream_bad_request",
        429: "rate_limited",
    }

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, param=param, code=code or self.CODES.get(status))
        self.status = status
        self._type = type

    @property
    def type(self) -> str:
        """The upstream's type where it gave one."""
        return self._type or super().type


class InternalError(RelayError):
    """A fault of the relay's own."""


def render_error(error: RelayError) -> dict[str, Any]:
    """The error in OpenAI's shape: `{"error": {message, type, param, code}}`."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def render_error_body(error: RelayError) -> bytes:
    """The error as the body of an answer: JSON in UTF-8, with a newline for terminals."""
    return to_json(render_error(error)) + b"\n"
