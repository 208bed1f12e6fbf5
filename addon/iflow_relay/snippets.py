"""A recorded call as something to run again: a curl line, a script with OpenAI's SDK.

The key is never in them: its place is the environment variable `OPENAI_API_KEY`.
"""

from __future__ import annotations

import json
import shlex
from pprint import pformat
from typing import Any, NamedTuple

_KNOWN = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "temperature", "top_p", "n", "stop"),
        *("max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "seed", "user"),
        *("reasoning_effort", "logprobs", "top_logprobs", "logit_bias"),
    }
)
"""Parameters that the SDK takes by name; any other goes into `extra_body`."""

_HEAD = """\
import os

from openai import OpenAI

client = OpenAI(base_url={base_url!r}, api_key=os.environ["OPENAI_API_KEY"])
request = {request}
"""
_WHOLE = """\
answer = client.chat.completions.create(**request)
print(answer.model_dump_json(indent=2))
"""
_STREAMED = """\
for chunk in client.chat.completions.create(**request):
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
"""


class Asking(NamedTuple):
    """A client's request: its base URL without a slash at the end, and the path below that."""

    method: str
    base_url: str
    path: str
    body: bytes = b""


def render_curl(asking: Asking) -> str:
    """One line for a POSIX shell; raises ValueError for a body that no shell can hold."""
    parts = ["curl -N", shlex.quote(asking.base_url + asking.path)]
    if asking.method != "GET" and not (asking.method == "POST" and asking.body):
        parts.append(f"-X {shlex.quote(asking.method)}")
    parts.append('-H "Authorization: Bearer $OPENAI_API_KEY"')
    if asking.body:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"--data-raw {shlex.quote(_text(asking.body))}")
    return " ".join(parts)


def render_python(asking: Asking) -> str:
    """A script that asks the same with OpenAI's SDK; raises ValueError for what is no chat."""
    try:
        document = json.loads(asking.body)
    except (ValueError, RecursionError):
        document = None
    if asking.path != "/chat/completions" or not isinstance(document, dict):
        raise ValueError("It is no chat request: there is no script for it.")
    known, further = _parameters(document)
    request = known | ({"extra_body": further} if further else {})
    head = _HEAD.format(
        base_url=asking.base_url, request=pformat(request, width=100, sort_dicts=False)
    )
    return head + (_STREAMED if document.get("stream") is True else _WHOLE)


def _parameters(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the SDK takes by name, and the rest."""
    known = {name: value for name, value in document.items() if name in _KNOWN}
    return known, {name: value for name, value in document.items() if name not in _KNOWN}


def _text(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ValueError("The request's body is no text.") from error
    if "\0" in text:
        raise ValueError("The request's body holds a zero byte, which no shell can pass on.")
    return text
