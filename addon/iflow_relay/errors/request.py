"""The client's request is at fault."""

from __future__ import annotations

from .base import RelayError


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


class PageKeyWanted(WrongKey):
    """The same from a browser, which then asks its user (RFC 7617)."""

    fields = ((b"WWW-Authenticate", b'Basic realm="iflow-relay", charset="UTF-8"'),)


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


class NotRecorded(RequestError):
    """A relay that replays has no recorded answer to this request."""

    status = 404
    code = "not_recorded"


class MethodNotAllowed(RequestError):
    """The path is there, for other methods; `allowed` goes with it (RFC 9110, section 15.5.6)."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.fields = ((b"Allow", allowed.encode()),)


class UnsupportedMedia(RequestError):
    """The body is of another type than the path takes."""

    status = 415
    code = "unsupported_media_type"


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
