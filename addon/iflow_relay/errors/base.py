"""What every error has: status, code, message, and the shape that clients know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..jsontext import mend, to_json

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
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
        # An upstream's own words may hold half a letter, which no log and no flow file can.
        self.message = mend(message)
        super().__init__(self.message)
        self.param = param
        if code:
            self.code = mend(code)

    def redact(self, redact: Callable[[str], str]) -> RelayError:
        """This error, with its message as `redact` leaves it."""
        self.message = redact(self.message)
        self.args = (self.message,)
        return self

    @property
    def type(self) -> str:
        """OpenAI's name for the kind of error."""
        return TYPES.get(self.status, "api_error")


class RelayEnds(RelayError):
    """The relay is ending, and answers nothing any more."""

    status = 503
    code = "relay_ends"


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
