"""What a conversation is made of, whichever dialect it was held in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Dialect(StrEnum):
    """The API that a request or an answer speaks."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    UNKNOWN = "unknown"


class Text(NamedTuple):
    """Something said."""

    text: str


class Reasoning(NamedTuple):
    """Something thought aloud."""

    text: str


class Refused(NamedTuple):
    """Something refused, in the model's words."""

    text: str


class Attachment(NamedTuple):
    """An image or another file: its media type, its size in bytes where known, where it lies."""

    type: str
    size: int | None = None
    address: str = ""


class ToolCall(NamedTuple):
    """A tool that the model calls; the arguments as it wrote them, usually JSON."""

    id: str
    name: str
    arguments: str


class ToolResult(NamedTuple):
    """What a tool gave back."""

    id: str
    parts: tuple[Text | Attachment | Other, ...]
    failed: bool = False


class Other(NamedTuple):
    """A part of a kind that this room does not know, and its size as JSON in letters."""

    kind: str
    size: int


type Part = Text | Reasoning | Refused | Attachment | ToolCall | ToolResult | Other


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    parts: tuple[Part, ...]
    name: str = ""


class Tool(NamedTuple):
    """A tool that the model may call."""

    name: str
    parameters: tuple[str, ...] = ()


class Asked(NamedTuple):
    """A request; `problem` says why it could not be read, `raw` is then what came."""

    dialect: Dialect = Dialect.UNKNOWN
    model: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    problem: str = ""
    raw: str = ""


class Usage(NamedTuple):
    """Tokens, None where nobody said; `cached` is part of the prompt, `reasoning` of the answer."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer out of those that were asked for, usually the only one."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = ""

    def parts(self) -> tuple[Part, ...]:
        """What there is of it, as parts of a message."""
        said = (Reasoning(self.reasoning), Text(self.text), Refused(self.refusal))
        return (*(part for part in said if part.text), *self.calls)


class Timing(NamedTuple):
    """When events came, in seconds since the request was whole."""

    first: float
    last: float
    gap: float = 0.0
    """The longest wait between one of them and whichever event came before it."""
    before: int = 0
    """The number of the event that was waited for so long."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """The events of one kind: how many, which of all was the first and the last, their letters,
    and when they came where somebody noted it."""

    name: str
    count: int
    first: int
    last: int
    size: int
    timing: Timing | None = None


class Told(NamedTuple):
    """An answer; `error` is the upstream's in words, `broken` says where a body breaks off."""

    dialect: Dialect = Dialect.UNKNOWN
    model: str = ""
    choices: tuple[Choice, ...] = ()
    usage: Usage = Usage()
    error: str = ""
    broken: str = ""
    streamed: bool = False
    events: tuple[EventKind, ...] = ()
    raw: str = ""
