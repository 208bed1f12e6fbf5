"""A call to the upstream that costs a few tokens: does a model answer, and as a stream?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import EmptyResponse, RelayError
from ..refusal import read_failure, read_page, read_refusal
from ..session import Upstream
from ..sse import Splitter, event_data, split_events
from .calls import NEW_KEY
from .patience import Stopwatch, render_time
from .verdict import Verdict, failure, ok, warning

if TYPE_CHECKING:
    import httpx2

NAME: Final = "live call"

MAX_BODY: Final = 1 << 20
"""Bytes of an answer that are read: eight tokens are a few thousand."""

LIMIT: Final = 30.0
"""Seconds that an answer of eight tokens may take altogether."""

NO_STREAM: Final = "apps that wait for pieces will see nothing until the end: ask the upstream why"


class Told(NamedTuple):
    """What a model said; `first` is None where it did not say it in pieces."""

    model: str
    first: float | None
    pieces: int
    tokens: str


class _Refused(Exception):
    """The upstream took exception to a field of the request."""


def check_live(client: httpx2.Client, upstream: Upstream, model: str) -> Verdict:
    """Ask the model for a few tokens; the upstream is called directly, not through the relay."""
    import httpx2

    redact = upstream.key.redact if upstream.key else str
    try:
        told = _ask(client, upstream, model)
    except RelayError as error:
        return failure(NAME, f"{model}: {redact(error.message)}", _advise(error.status))
    except httpx2.HTTPError as error:
        return failure(NAME, f"{model}: {redact(str(error)) or type(error).__name__}", "try again")
    who = model if told.model in ("", model) else f"{model} (it says {told.model})"
    if told.first is None:
        return warning(NAME, f"{who} answers in one piece, though asked to stream", NO_STREAM)
    cost = told.tokens or f"{told.pieces} pieces"
    return ok(NAME, f"{who}: first token after {render_time(told.first)}, {cost}")


def _ask(client: httpx2.Client, upstream: Upstream, model: str) -> Told:
    """The answer to the first question that the upstream understands; raises RelayError."""
    *first, last = render_questions(model)
    url = f"{upstream.base_url}/chat/completions"
    for body in first:
        try:
            return _ask_once(client, url, body, may_refuse=True)
        except _Refused:
            continue
    return _ask_once(client, url, last, may_refuse=False)


def _ask_once(client: httpx2.Client, url: str, body: dict[str, Any], *, may_refuse: bool) -> Told:
    watch = Stopwatch()
    with client.stream("POST", url, json=body) as answer:
        if answer.status_code in (400, 422) and may_refuse:
            raise _Refused
        if answer.status_code >= 300:
            raise read_failure(answer.status_code, answer.read())
        return read_answer(answer.iter_bytes(), watch)


def render_questions(model: str) -> list[dict[str, Any]]:
    """Requests for a few tokens, to be tried in this order: not all upstreams know all fields."""
    common = {"model": model, "messages": [{"role": "user", "content": "Say: ok"}], "stream": True}
    return [
        {**common, "max_tokens": 8, "stream_options": {"include_usage": True}},
        {**common, "max_completion_tokens": 8},
        {**common, "max_tokens": 8},
    ]


def read_answer(pieces: Iterable[bytes], watch: Stopwatch) -> Told:
    """Read a stream to its end, or a document; raises the error that it really is."""
    splitter, whole, size = Splitter(), bytearray(), 0
    told = Told("", None, 0, "")
    for piece in pieces:
        size += len(piece)
        if size > MAX_BODY or watch.seconds > LIMIT:
            break
        if not told.pieces:
            whole += piece
        for event in split_events(splitter.feed(piece)):
            told = _read_event(told, _parse(event_data(event)), watch)
    return told if told.pieces else _read_document(bytes(whole))


def _read_event(told: Told, document: Any, watch: Stopwatch) -> Told:
    """What is known with one event more."""
    if not isinstance(document, dict):
        return told
    if refusal := read_refusal(document):
        raise refusal
    told = told._replace(
        model=str(document.get("model") or told.model), tokens=_read_usage(document) or told.tokens
    )
    if document.get("choices"):
        first = watch.seconds if told.first is None else told.first
        told = told._replace(first=first, pieces=told.pieces + 1)
    return told


def _read_document(body: bytes) -> Told:
    """An answer that is no stream; raises the error that it is."""
    if not body.strip():
        raise EmptyResponse("the upstream's answer is empty")
    document = _parse(body)
    if refusal := read_refusal(document):
        raise refusal
    if not isinstance(document, dict) or not document.get("choices"):
        raise read_page(body)
    return Told(str(document.get("model") or ""), None, 1, _read_usage(document))


def _read_usage(document: dict[str, Any]) -> str:
    usage = document.get("usage")
    if not isinstance(usage, dict) or not usage:
        return ""
    return f"{usage.get('prompt_tokens', '?')} + {usage.get('completion_tokens', '?')} tokens"


def _parse(data: bytes | None) -> Any:
    try:
        return json.loads(data or b"null")
    except (ValueError, RecursionError):
        return None


def _advise(status: int) -> str:
    if status in (401, 403):
        return NEW_KEY
    if status == 404:
        return "name a model that it has, as modelName in settings.json; `iflow-relay models`"
    if status in (402, 429):
        return "look up what is left in your account, and its limits"
    return "try another model (modelName in settings.json), or later"
