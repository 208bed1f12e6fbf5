"""What an upstream says when it refuses: every shape that was seen, read into one error.

Shapes: `{"error": {"message", "type", "param", "code"}}`, `{"error": "text"}`, iFlow's
`{"status": "434", "msg": "…", "body": null}` and `{"success": false, "message": "…"}`, Spring's
`{"timestamp", "status", "error", "path"}`, FastAPI's `{"detail": …}`, a web page, nothing at all.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import RelayError, UpstreamInvalid, UpstreamRefused

IFLOW_STATUSES = {434: 401, 435: 404, 438: 401, 439: 401, 449: 429}
"""iFlow's own numbers and the HTTP status each stands for."""

IFLOW_ADVICE = {
    434: "log in again: the upstream does not accept the key",
    435: "the upstream does not have this model",
    438: "the upstream has blocked the key",
    439: "log in again: the key has expired",
    449: "the upstream limits the rate: wait and try again",
}

EXPLAIN_406 = (
    "The upstream answered 406 and said nothing more. For iFlow that means: a model that only its "
    "own CLI may call, a blocked key, or trouble on the server. Try another model, then log in "
    "again."
)

MAX_MESSAGE = 2000
"""Letters of an upstream's message that are passed on."""


def read_refusal(document: Any) -> RelayError | None:
    """The error that a JSON document from inside an HTTP 200 is; None where it is none."""
    if not isinstance(document, dict):
        return None
    if (error := document.get("error")) and not isinstance(error, bool):
        return _from_error(document, error, status=None)
    if document.get("success") is False:
        return _own_shape(document)
    status, is_answer = document.get("status"), "choices" in document
    failed = (_number(status) or 0) >= 400
    if failed and not is_answer and ("msg" in document or "message" in document):
        return _own_shape(document)
    return None


def read_failure(status: int, body: bytes) -> RelayError:
    """The error that an answer with an HTTP error status is, whatever its body holds."""
    try:
        document = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        return UpstreamRefused(status, _describe_text(status, body))
    if isinstance(document, list) and document:
        document = document[0]
    if isinstance(document, str):
        document = {"message": document}
    if isinstance(document, dict):
        if error := document.get("error"):
            return _from_error(document, error, status=status)
        if message := _first_text(document, "message", "msg", "detail"):
            return UpstreamRefused(status, message)
    if status == 406:
        return UpstreamRefused(status, EXPLAIN_406)
    return UpstreamRefused(status, f"The upstream answered {status} and said nothing more.")


def read_page(body: bytes) -> RelayError:
    """The error that a 200 is whose body is no JSON where JSON was due."""
    if body.lstrip()[:1] == b"<":
        return UpstreamInvalid(
            "The upstream answered with a web page, not with its API: check baseUrl "
            "(most end in /v1)."
        )
    return UpstreamInvalid("The upstream's answer is no JSON: check that baseUrl is an OpenAI API.")


def read_redirect(status: int, location: str) -> RelayError:
    """The error that a redirect is: following it would carry the key to a host nobody chose."""
    target = location.split("?")[0][:200] or "nowhere"
    return UpstreamInvalid(
        f"The upstream answered {status} and points to {target}. If that is right, put its base "
        "into baseUrl: the relay does not follow it with your key."
    )


def read_short(body: bytes) -> RelayError | None:
    """The error that a short answer of any kind is; None where it is none, or no JSON."""
    try:
        return read_refusal(json.loads(body))
    except (ValueError, RecursionError):
        return None


def read_list(body: bytes) -> list[dict[str, Any]]:
    """The entries of an upstream's answer to `GET /models`; raises the error that it really is."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise read_page(body) from error
    if refusal := read_refusal(document):
        raise refusal
    entries = document.get("data") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise UpstreamInvalid("The upstream's list of models has no data in it.")
    return [entry for entry in entries if isinstance(entry, dict)]


def _from_error(document: dict[str, Any], error: Any, *, status: int | None) -> RelayError:
    """OpenAI's shape, or Spring's where `error` is a text."""
    fields = error if isinstance(error, dict) else {}
    message = _first_text(fields, "message", "msg") or _first_text(document, "message", "msg")
    if isinstance(error, str):
        path = document.get("path")
        message = message or (f"{error} ({path})" if isinstance(path, str) else error)
    number = _number(fields.get("code")) or _number(fields.get("status"))
    number = number or _number(document.get("status"))
    return UpstreamRefused(
        status or _status(number),
        _clip(message or "The upstream reports an error without a word about it."),
        type=_text(fields.get("type")),
        param=_text(fields.get("param")),
        code=None if _number(fields.get("code")) else _text(fields.get("code")),
    )


def _own_shape(document: dict[str, Any]) -> RelayError:
    """iFlow's `{"status": "434", "msg": …}` and `{"success": false, …}`."""
    number = _number(document.get("status")) or _number(document.get("code"))
    message = _first_text(document, "msg", "message") or "The upstream reports a failure."
    if number in IFLOW_ADVICE:
        message = f"{message} ({number}: {IFLOW_ADVICE[number]})"
    return UpstreamRefused(_status(number), _clip(message))


def _status(number: int | None) -> int:
    """The HTTP status for a number that stood inside a 200."""
    if number in IFLOW_STATUSES:
        return IFLOW_STATUSES[number]
    return number if number in UpstreamRefused.CODES else 502


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _first_text(document: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value.strip():
            return _clip(value.strip())
        if isinstance(value, list | dict) and value:
            return _clip(json.dumps(value, ensure_ascii=False))
    return None


def _clip(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"


def _describe_text(status: int, body: bytes) -> str:
    """A body that is no JSON: a web page is named, a short text is quoted."""
    text = body.decode("utf-8", "replace").strip()
    if text[:1] == "<":
        return f"The upstream answered {status} with a web page, not with its API: check baseUrl."
    return f"The upstream answered {status}: {text[:300]}"
