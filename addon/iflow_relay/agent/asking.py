"""What a chat request asks of an agent, read from its JSON.

Kept: roles, text, images that are there as data. Said in words: images elsewhere, other kinds of
content, calls of the client's tools and what those gave. Dropped: `tools` (an agent has its own),
sampling parameters (an agent sets its own).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..errors import InvalidJson, InvalidRequest

_DATA_URL: Final = re.compile(
    r"data:(image/[a-z0-9.+-]+);base64,([A-Za-z0-9+/=\s]+)", re.IGNORECASE
)
_SYSTEM: Final = ("system", "developer")
_ROLES: Final = (*_SYSTEM, "user", "assistant", "tool", "function")


class Image(NamedTuple):
    """An image; `data` is base64."""

    media: str
    data: str


Part = str | Image


class Message(NamedTuple):
    """One message, its text in one piece between images."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read; `system` is what stood before the first turn."""

    model: str
    system: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool


def parse_asked(body: bytes) -> Asked:
    """Read the body; raises InvalidJson, InvalidRequest."""
    document = _parse_object(body)
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages has to be a list with a message in it", param="messages")
    if document.get("n") not in (None, 1):
        raise InvalidRequest("an agent gives one answer: leave n out", param="n")
    turns = [_parse_message(place, message) for place, message in enumerate(messages)]
    start = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if start == len(turns):
        raise InvalidRequest("messages has no message of the user", param="messages")
    options = document.get("stream_options")
    return Asked(
        model=str(document.get("model")),
        system="\n\n".join(plain_text(turn) for turn in turns[:start]),
        messages=tuple(turns[start:]),
        stream=document.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def plain_text(message: Message) -> str:
    """The text of a message, without its images."""
    return "\n".join(part for part in message.parts if isinstance(part, str))


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidJson("The body is no JSON.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("The body is JSON, but no object.")
    return document


def _parse_message(place: int, message: Any) -> Message:
    where = f"messages[{place}]"
    if not isinstance(message, dict):
        raise InvalidRequest(f"{where} is no object", param=where)
    role = message.get("role")
    if role not in _ROLES:
        raise InvalidRequest(f"{where}.role is none of {', '.join(_ROLES)}", param=f"{where}.role")
    parts = [*_parse_content(where, message.get("content")), *_parse_calls(message)]
    return Message("system" if role in _SYSTEM else role, _join(parts))


def _parse_content(where: str, content: Any) -> list[Part]:
    if content is None or isinstance(content, str):
        return [content] if content else []
    if not isinstance(content, list):
        raise InvalidRequest(f"{where}.content is no text", param=f"{where}.content")
    return [_parse_part(part) for part in content]


def _parse_part(part: Any) -> Part:
    if not isinstance(part, dict):
        return str(part)
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text", "refusal"):
        return str(part.get("text") or part.get("refusal") or "")
    if kind == "image_url":
        inner = part.get("image_url")
        url = str(inner.get("url") if isinstance(inner, dict) else inner)
        found = _DATA_URL.fullmatch(url)
        return Image(found[1].lower(), found[2]) if found else _left_out("an image", url)
    return _left_out(f"content of the type {kind}", "")


def _left_out(what: str, url: str) -> str:
    is_address = url.startswith(("http://", "https://")) and len(url) < 2000
    return f"[{what} was left out{': ' + url if is_address else ''}]"


def _parse_calls(message: dict[str, Any]) -> list[Part]:
    """Calls of the client's own tools, which are history here and nothing to be run."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls or () if isinstance(call, dict)]
    return [
        f"[called {function.get('name')} with {function.get('arguments')}]"
        for function in functions
        if isinstance(function, dict)
    ]


def _join(parts: list[Part]) -> tuple[Part, ...]:
    """The parts, neighbouring texts as one."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += "\n" + part
        else:
            joined.append(part)
    return tuple(joined)
