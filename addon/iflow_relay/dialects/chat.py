"""Chat completions: what a request asks, and what a whole answer holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import EmptyResponse, InvalidJson, InvalidRequest
from ..jsontext import to_json
from ..refusal import read_page, read_refusal

RULES = ("sse-space", "error-in-200", "done", "usage", "finish-reason", "content")
"""The names of the normalisation rules, as `iflow_normalise` takes them."""

NO_CHOICES = (
    "The upstream's answer has no choices. That is often a conversation that is too long for the "
    "model: shorten it, or start a new one."
)


MAX_TOKENS = 1 << 40
"""More than any answer holds; a larger number is a fault, and no database would take it."""


class ChatRequest(NamedTuple):
    """What of a request matters on the way: the model asked for, and whether to stream."""

    model: str
    stream: bool
    document: dict[str, Any]

    def with_model(self, model: str) -> bytes:
        """The body with another model in it, everything else as it was."""
        return to_json(self.document | {"model": model})


class Usage(NamedTuple):
    """Tokens, None where the upstream did not say.

    `cached` is part of the prompt, `reasoning` of the completion.
    """

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Completion(NamedTuple):
    """A whole answer: its body as the client gets it, and what the ledger wants of it."""

    body: bytes
    usage: Usage = Usage()
    finish: str = ""
    tools: int = 0
    """Tool calls in it, all choices together."""


def parse_chat(body: bytes) -> ChatRequest:
    """Read a request body; raises InvalidJson or InvalidRequest."""
    if not body.strip():
        raise InvalidJson("The request has no body: send JSON with model and messages.")
    try:
        document = json.loads(body)
    except UnicodeDecodeError as error:
        raise InvalidJson("The request body is not valid UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidJson(f"The request body is no JSON: {error.msg} ({where}).") from error
    except RecursionError as error:
        raise InvalidJson("The request body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidJson(f"The request body is no JSON that can be read: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("The request body is JSON, but not an object with messages.")
    if not isinstance(document.get("messages"), list):
        raise InvalidRequest("The request has no list of messages.", param="messages")
    model = document.get("model")
    if model is not None and not isinstance(model, str):
        raise InvalidRequest("model is not a text.", param="model")
    return ChatRequest(model or "", document.get("stream") is True, document)


def read_completion(body: bytes, rules: frozenset[str], *, report: str | None = None) -> Completion:
    """Read a whole answer from inside a 200; raises the error that it really is.

    The body comes back as it was, byte for byte, unless a rule had to change it, or it is to
    `report` another model than it does.
    """
    if not body.strip():
        raise EmptyResponse("The upstream answered 200 with nothing in it. Try again.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise read_page(body) from error
    if "error-in-200" in rules and (refusal := read_refusal(document)):
        raise refusal
    if "content" in rules and not _has_choices(document):
        raise EmptyResponse(NO_CHOICES)
    if not isinstance(document, dict):
        return Completion(body)
    changed = "finish-reason" in rules and fix_finish_reason(document)
    changed = rename_model(document, report) or changed
    choices = choices_of(document)
    return Completion(
        to_json(document) if changed else body,
        read_usage(document),
        next(filter(None, map(finish_of, choices)), ""),
        sum(len(places_of(choice)) for choice in choices),
    )


def _has_choices(document: Any) -> bool:
    return isinstance(document, dict) and bool(document.get("choices"))


def fix_finish_reason(document: Mapping[str, Any], called: frozenset[int] = frozenset()) -> bool:
    """Turn `stop` into `tool_calls` in each choice that calls tools; whether anything changed.

    `called` holds the choices (by index) whose tool calls came in earlier chunks.
    """
    changed = False
    for choice in choices_of(document):
        said = choice.get("message") or choice.get("delta")
        calls = isinstance(said, dict) and bool(said.get("tool_calls"))
        if choice.get("finish_reason") == "stop" and (calls or index_of(choice) in called):
            choice["finish_reason"] = "tool_calls"
            changed = True
    return changed


def rename_model(document: dict[str, Any], model: str | None) -> bool:
    """Have an answer or a chunk name this model, if any; whether anything changed."""
    if model is None or document.get("model", model) == model:
        return False
    document["model"] = model
    return True


def choices_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices that are objects; an empty list where there are none."""
    choices = document.get("choices")
    return [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []


def finish_of(choice: Mapping[str, Any]) -> str:
    """Why a choice ended, `?` where it says so in no words; empty where it has not."""
    reason = choice.get("finish_reason")
    return reason[:40] if isinstance(reason, str) else "?" if reason else ""


def places_of(choice: Mapping[str, Any]) -> set[tuple[int, int]]:
    """The tool calls that a choice makes, or goes on with: which choice, and which of its calls."""
    said = choice.get("message") or choice.get("delta")
    calls = said.get("tool_calls") if isinstance(said, dict) else None
    found = enumerate(calls if isinstance(calls, list) else ())
    return {(index_of(choice), _place(call, place)) for place, call in found}


def _place(call: Any, place: int) -> int:
    """Which call a fragment belongs to: as it says, else as it stands."""
    index = call.get("index") if isinstance(call, dict) else None
    return index if isinstance(index, int) else place


def index_of(choice: Mapping[str, Any]) -> int:
    """Which choice it is; -1 where it says something else than a number."""
    index = choice.get("index", 0)
    return index if isinstance(index, int) else -1


def read_usage(document: Mapping[str, Any]) -> Usage:
    """The token counts of an answer or a chunk; `null` and `{}` read as not said."""
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _detail(usage, "prompt_tokens_details", "cached_tokens"),
        _detail(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: Mapping[str, Any], of: str, name: str) -> int | None:
    details = usage.get(of)
    return _count(details.get(name)) if isinstance(details, dict) else None


def _count(value: Any) -> int | None:
    """A number of tokens; None for what can be none."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < MAX_TOKENS else None
