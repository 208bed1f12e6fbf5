"""The upstream is at fault."""

from __future__ import annotations

from typing import ClassVar

from .base import RelayError


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
