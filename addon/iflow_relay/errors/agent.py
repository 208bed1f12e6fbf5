"""The agent behind the model `iflow` is at fault, or not there."""

from __future__ import annotations

from .base import RelayError


class AgentError(RelayError):
    """The agent is at fault, or not there."""

    status = 502
    code = "agent_failed"


class AgentUnavailable(AgentError):
    """Its program, its configuration or the library that speaks to it is not to be had."""

    status = 501
    code = "agent_unavailable"


class AgentLoginRequired(AgentError):
    """The agent itself has to be logged in first."""

    status = 401
    code = "agent_login_required"


class AgentFailed(AgentError):
    """It did not start, it died, or it answered with an error; `pause` in seconds is not over."""

    def __init__(self, message: str, *, pause: int = 0) -> None:
        super().__init__(message)
        if pause:
            self.fields = ((b"Retry-After", str(pause).encode()),)


class AgentTimeout(AgentError):
    """It was silent, or at work, for too long."""

    status = 504
    code = "agent_timeout"
