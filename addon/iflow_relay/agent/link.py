"""JSON-RPC with an agent: the one module that imports the library `agent-client-protocol`.

Its connection carries the messages. They stay dicts here, not its models: iFlow's dialect has
fields that those do not know, and an update of a kind that is newer must not be an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from ..errors import AgentUnavailable
from .book import INSTALL
from .messages import MessageReader, TooLong
from .process import Process

if TYPE_CHECKING:
    from acp.connection import Connection

_READ: Final = 256 << 10

PROTOCOL: Final = 1
NO_SUCH_METHOD: Final = -32601
INVALID_PARAMS: Final = -32602
AUTH_REQUIRED: Final = -32000
NOT_FOUND: Final = -32002

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""Answers what the agent asks; raises `Refused`."""

Notice = Callable[[str, dict[str, Any]], None]
"""Takes what the agent tells; never raises."""


class Refused(Exception):
    """An error in answer to a request, from the agent or for it."""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class Gone(Exception):
    """The agent has ended, or what it says is no ACP; the message says which, or nothing."""


class Link:
    """A connection with an agent's process."""

    def __init__(self, connection: Connection, lines: Lines) -> None:
        self._connection = connection
        self._lines = lines

    @property
    def is_open(self) -> bool:
        """Whether the agent may still answer."""
        return not self._lines.ended.is_set()

    async def wait_closed(self) -> None:
        """Return when the agent will not answer any more."""
        await self._lines.ended.wait()

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the agent; raises Refused, Gone."""
        from acp.exceptions import RequestError

        try:
            result = await self._connection.send_request(method, params)
        except RequestError as error:
            raise Refused(_code(error), str(error), _details(error.data)) from error
        except ConnectionError as error:
            raise Gone(self._lines.problem) from error
        return result if isinstance(result, dict) else {}

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the agent; one that is gone is not told."""
        with contextlib.suppress(ConnectionError):
            await self._connection.send_notification(method, params)

    async def close(self) -> None:
        """End the connection; what still waits for an answer gets Gone."""
        await self._connection.close()


async def open_link(process: Process, answer: Answer, notice: Notice) -> Link:
    """Connect with a process; raises AgentUnavailable where the library is not installed."""
    try:
        connection, error = await asyncio.to_thread(_load)
    except ImportError as missing:
        raise AgentUnavailable(f"Agents need one more library here: {INSTALL}") from missing

    async def handle(method: str, params: Any, is_notification: bool) -> Any:
        params = params if isinstance(params, dict) else {}
        if is_notification:
            return notice(method, params)
        try:
            return await answer(method, params)
        except Refused as refused:
            raise error(refused.code, refused.message) from refused

    lines = Lines(process)
    return Link(connection(handle, lines), lines)


def _load() -> tuple[type[Connection], type[Any]]:
    """The library takes half a second to load, which a thread spares the other calls."""
    from acp.connection import Connection
    from acp.exceptions import RequestError

    return Connection, RequestError


class Lines:
    """Messages as lines on an agent's stdin and stdout; a transport of the library's.

    Lines that are no messages go to the last words.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reader = MessageReader(process.words.add)
        self._messages: deque[dict[str, Any]] = deque()
        self.problem = ""
        self.ended = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message; one that the agent does not read any more is lost."""
        await self._process.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when there will be none."""
        while not self._messages:
            data = await self._process.stdout.read(_READ)
            try:
                self._messages += self._reader.feed(data)
            except TooLong as error:
                self.problem = str(error)
            if not data or self.problem:
                self.ended.set()
                return None
        return self._messages.popleft()

    async def close(self) -> None:
        """Nothing more is read; the process has its own end."""
        self.ended.set()


def _code(error: Any) -> int:
    return error.code if isinstance(error.code, int) else 0


def _details(data: Any) -> str:
    """What an error's `data` says: `{details}` as the CLIs have it, or a text."""
    found = data.get("details") if isinstance(data, dict) else data
    return found if isinstance(found, str) else ""
