"""Bodies in, conversations out; nothing here raises, whatever the bytes are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ..jsontext import mend
from ..pacing import Piece
from ..refusal import read_failure, read_refusal
from . import asked_chat, asked_messages, asked_responses
from .fields import brief, dict_at, dicts_at, text_at
from .stream import looks_streamed, read_events
from .tally import Tally, find_arrivals
from .told_chat import ChatAnswer
from .told_messages import MessagesAnswer
from .told_responses import ResponsesAnswer
from .values import Asked, Dialect, Told, Tool

type Answer = ChatAnswer | ResponsesAnswer | MessagesAnswer

_READERS: Final = {
    Dialect.CHAT: asked_chat.read_messages,
    Dialect.RESPONSES: asked_responses.read_messages,
    Dialect.MESSAGES: asked_messages.read_messages,
}
_ANSWERS: Final[dict[Dialect, Callable[[], Answer]]] = {
    Dialect.CHAT: ChatAnswer,
    Dialect.RESPONSES: ResponsesAnswer,
    Dialect.MESSAGES: MessagesAnswer,
}
_PATHS: Final = {
    "/chat/completions": Dialect.CHAT,
    "/responses": Dialect.RESPONSES,
    "/messages": Dialect.MESSAGES,
}
_NO_PARAMETERS = ("model", "messages", "input", "system", "instructions", "tools", "functions")
_BLOCKS = ("tool_use", "tool_result", "image", "thinking", "document")
_EVENTS_OF_MESSAGES = re.compile("message(_start|_delta|_stop)?|content_block_|ping")

MAX_VALUE = 80
"""Letters of a parameter's value that are shown."""


def dialect_of(path: str) -> Dialect:
    """The dialect that is spoken at a path, on whichever host."""
    plain = path.partition("?")[0].rstrip("/")
    found = (dialect for end, dialect in _PATHS.items() if plain.endswith(end))
    return next(found, Dialect.UNKNOWN)


def read_request(body: bytes, dialect: Dialect = Dialect.UNKNOWN) -> Asked:
    """What a request asks; its shape tells the dialect where the path did not."""
    text = _decode(body)
    try:
        return _read_request(json.loads(text), dialect, text)
    except (ValueError, RecursionError) as error:
        return Asked(dialect, problem=_no_json(error, text), raw=mend(text))


def _read_request(document: Any, dialect: Dialect, text: str) -> Asked:
    if not isinstance(document, dict):
        return Asked(dialect, problem="The request is no JSON object.", raw=mend(text))
    dialect = _request_dialect(document) if dialect is Dialect.UNKNOWN else dialect
    if dialect is Dialect.UNKNOWN:
        return Asked(problem="The request is no conversation.", raw=mend(text))
    return Asked(
        dialect,
        text_at(document, "model"),
        tuple(_parameters(document)),
        tuple(_READERS[dialect](document)),
        tuple(map(_tool, dicts_at(document, "tools") or dicts_at(document, "functions"))),
    )


def _request_dialect(document: dict[str, Any]) -> Dialect:
    if not isinstance(document.get("messages"), list):
        asks = isinstance(document.get("input"), str | list) and "model" in document
        return Dialect.RESPONSES if asks else Dialect.UNKNOWN
    if "system" in document or any("input_schema" in tool for tool in dicts_at(document, "tools")):
        return Dialect.MESSAGES
    blocks = (b for m in dicts_at(document, "messages") for b in dicts_at(m, "content"))
    return Dialect.MESSAGES if any(b.get("type") in _BLOCKS for b in blocks) else Dialect.CHAT


def _parameters(document: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in document.items():
        if name not in _NO_PARAMETERS:
            text = brief(value)
            yield name, text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def _tool(tool: dict[str, Any]) -> Tool:
    """A tool in any dialect: with its function inside, or beside its type."""
    function = dict_at(tool, "function") or dict_at(tool, "custom") or tool
    schema = dict_at(function, "parameters") or dict_at(function, "input_schema")
    name = text_at(function, "name") or text_at(tool, "type") or "?"
    return Tool(name, tuple(dict_at(schema, "properties")))


def read_answer(
    body: bytes,
    dialect: Dialect = Dialect.UNKNOWN,
    status: int = 200,
    pieces: Sequence[Piece] = (),
) -> Told:
    """What an answer tells, streamed or not, whole or cut.

    `status` is the HTTP status; `pieces`, where somebody noted them, say when the body came.
    """
    text = _decode(body)
    if not text.strip():
        return Told(dialect, broken="The answer is empty.")
    try:
        if looks_streamed(text):
            return _read_stream(text, len(body), dialect, Tally(find_arrivals(body, pieces)))
        return _read_document(json.loads(text), dialect, status, text)
    except (ValueError, RecursionError) as error:
        problem = read_failure(status, body).message if status >= 400 else ""
        return Told(dialect, error=mend(problem), broken=_no_json(error, text), raw=mend(text))


def _read_document(document: Any, dialect: Dialect, status: int, text: str) -> Told:
    known = _answer_dialect(document) if isinstance(document, dict) else Dialect.UNKNOWN
    refusal = read_failure(status, text.encode("utf-8", "replace")) if status >= 400 else None
    if known is Dialect.UNKNOWN:
        error = refusal or read_refusal(document)
        said = mend(error.message) if error else ""
        return Told(dialect, error=said, raw="" if said else mend(text))
    answer = _ANSWERS[known]()
    answer.take(document)
    answer.error = answer.error or (refusal.message if refusal else "")
    return _told(answer)


def _read_stream(text: str, size: int, dialect: Dialect, tally: Tally) -> Told:
    """The events as far as they came, and what is wrong with their end."""
    number, bad, done = 0, list[int](), False
    answer: Answer | None = None
    for number, event in enumerate(read_events(text), 1):
        document = event.document
        if document is not None:
            answer = answer or _ANSWERS[_stream_dialect(document, dialect)]()
            kind = answer.take(document)
        elif event.is_done:
            kind, done = "[DONE]", True
        else:
            kind = "no JSON"
            bad.append(number)
        tally.add(kind, event)
    told = _told(answer) if answer else Told(dialect)
    if done or (answer is not None and answer.ended):
        end = ""
    elif told.error:
        end = f"An error ends the stream at event {number}, after {size:,} bytes."
    else:
        end = f"The stream ends after event {number} ({size:,} bytes), before its end."
    broken = _break(text, size, number, bad, end)
    return told._replace(streamed=True, events=tally.rows(), broken=broken)


def _break(text: str, size: int, number: int, bad: list[int], end: str) -> str:
    """Where a stream breaks off or cannot be read, in words."""
    lines = []
    cut = bool(bad) and bad[-1] == number and not text.endswith(("\n", "\r"))
    if unread := bad[:-1] if cut else bad:
        more = f", nor are {len(unread) - 1:,} more" if len(unread) > 1 else ""
        lines.append(f"Event {unread[0]} is no JSON object{more}.")
    if cut:
        lines.append(f"The stream breaks off inside event {number}, after {size:,} bytes.")
    elif not number:
        lines.append("The stream holds no event.")
    elif end:
        lines.append(end)
    return " ".join(lines)


def _told(answer: Answer) -> Told:
    return Told(
        answer.dialect,
        mend(answer.model),
        answer.choices(),
        answer.usage,
        mend(answer.error),
    )


def _stream_dialect(event: dict[str, Any], dialect: Dialect) -> Dialect:
    """The dialect of a stream by its first event; else the one that its path speaks."""
    found = _answer_dialect(event)
    if found is not Dialect.UNKNOWN:
        return found
    return Dialect.CHAT if dialect is Dialect.UNKNOWN else dialect


def _answer_dialect(document: dict[str, Any]) -> Dialect:
    if isinstance(document.get("choices"), list):
        return Dialect.CHAT
    kind, thing = text_at(document, "type"), text_at(document, "object")
    if thing == "response" or kind.startswith("response."):
        return Dialect.RESPONSES
    return Dialect.MESSAGES if _EVENTS_OF_MESSAGES.match(kind) else Dialect.UNKNOWN


def _decode(body: bytes) -> str:
    return body.decode("utf-8", "replace").removeprefix("\ufeff")


def _no_json(error: Exception, text: str) -> str:
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, column {error.colno}, of {len(text):,} letters"
        return f"The body is cut off or no JSON: {error.msg} ({where})."
    return "The body is nested too deeply to be read."
