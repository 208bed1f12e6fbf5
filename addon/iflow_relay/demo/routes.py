"""From a request to its answer, in iFlow's order: path, key, body, model, User-Agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..catalog import BUILTIN
from ..wire import BadRequest, Head, Request
from . import errors
from .answers import answer_chat
from .chat import Chat, read_chat
from .embeddings import embed
from .events import document, stream
from .faults import HEADER, MODEL_PREFIX, Faults, parse_faults
from .journal import Cost, Journal
from .shape import Answer, Step, render_answer

KEY = "sk-demo-0123456789abcdef"
USER_AGENT = "iFlow-Cli"

MODELS = frozenset(model.id for model in BUILTIN)
OPEN_MODELS = frozenset({"qwen3-coder-plus", "iFlow-ROME-30BA3B"})

UNFINISHED = ("cut", "cut-event", "silence", "eof-cut", "bad-chunk", "error-event", "endless-line")
"""Faults with which an answer does not come to its end."""

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"


class Script(NamedTuple):
    """How one request is answered: what to do on the socket, and what it adds to the counts."""

    steps: Iterator[Step]
    cost: Cost = Cost()


class _Outcome(NamedTuple):
    answer: Answer
    faults: Faults = Faults()
    cost: Cost = Cost()


def respond(request: Request, key: str) -> Script:
    """The answer to any request but those about the journal, where `key` is the right one."""
    outcome = _with_header_faults(request, key)
    answer = outcome.answer
    if request.head.method == "HEAD":
        answer = Answer(answer.status, answer.content_type)
    closes = not request.head.keeps_alive
    return Script(render_answer(answer, outcome.faults, closes=closes), outcome.cost)


def respond_about(request: Request, journal: Journal) -> Script:
    """The answer to a request about the journal."""
    answers = {
        ("GET", "/demo/requests"): journal.requests,
        ("GET", "/demo/stats"): journal.counts,
        ("GET", "/demo/served"): journal.served,
        ("DELETE", "/demo/requests"): journal.clear,
    }
    head = request.head
    found = answers.get((head.method, head.path))
    answer = errors.json_answer(found()) if found else errors.spring(404, head.path)
    return Script(render_answer(answer, Faults(), closes=not head.keeps_alive))


def refuse(error: BadRequest) -> Iterator[Step]:
    """The answer to bytes that are no request; the connection ends with it."""
    document = errors.openai_error(str(error), "invalid_request_error")
    answer = errors.json_answer(document, error.status)
    return render_answer(answer, Faults(), closes=True)


def _with_header_faults(request: Request, key: str) -> _Outcome:
    try:
        faults = parse_faults(request.head.fields.get(HEADER, ""))
    except ValueError as error:
        return _Outcome(errors.bad_parameter(str(error)))
    return _route(request, faults, key)


def _route(request: Request, faults: Faults, key: str) -> _Outcome:
    head = request.head
    if head.path not in (CHAT, EMBEDDINGS):
        answer = errors.answer_fault(faults, head) or errors.spring(404, head.path)
        return _Outcome(answer, faults)
    if head.method != "POST":
        return _Outcome(errors.spring(405, head.path), faults)
    if head.fields.get("authorization") != f"Bearer {key}":
        return _Outcome(errors.json_answer(errors.in_200(434)), faults)
    try:
        body = json.loads(request.body)
    # UnicodeDecodeError is a ValueError; deep nesting is a RecursionError.
    except (ValueError, RecursionError):
        return _Outcome(errors.spring(400, head.path), faults)
    return _read_body(request, body, faults)


def _read_body(request: Request, body: Any, faults: Faults) -> _Outcome:
    try:
        faults = faults | _model_faults(body)
        if answer := errors.answer_fault(faults, request.head):
            return _Outcome(answer, faults)
        if request.head.path == EMBEDDINGS:
            return _Outcome(errors.json_answer(embed(body)), faults)
        return _chat(read_chat(body), request, faults)
    except ValueError as error:
        return _Outcome(errors.bad_parameter(str(error)), faults)


def _model_faults(body: Any) -> Faults:
    model = body.get("model") if isinstance(body, dict) else None
    if not isinstance(model, str) or not model.startswith(MODEL_PREFIX):
        return Faults()
    return parse_faults(model.removeprefix(MODEL_PREFIX))


def _chat(chat: Chat, request: Request, faults: Faults) -> _Outcome:
    if refusal := _refuse_model(chat.model, request.head):
        return _Outcome(refusal, faults)
    reply = answer_chat(chat, faults, request.body)
    streams = chat.stream and "json-for-stream" not in faults
    if streams:
        answer = stream(reply, faults, include_usage=chat.include_usage)
    else:
        answer = document(reply, faults)
    usage = reply.usage
    user = "" if faults.first(*UNFINISHED) else chat.user
    cost = Cost(int(streams), usage["prompt_tokens"], usage["completion_tokens"], user)
    return _Outcome(answer, faults, cost)


def _refuse_model(model: str, head: Head) -> Answer | None:
    if model.startswith(MODEL_PREFIX) or model in OPEN_MODELS:
        return None
    if model not in MODELS:
        return errors.json_answer(errors.in_200(435))
    return None if head.fields.get("user-agent") == USER_AGENT else Answer(406)
