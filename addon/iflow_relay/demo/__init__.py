"""The demo upstream: a server on a real socket that plays iFlow's API, its faults on demand."""

from .routes import KEY, USER_AGENT
from .server import DemoServer, start

__all__ = ["KEY", "USER_AGENT", "DemoServer", "start"]
