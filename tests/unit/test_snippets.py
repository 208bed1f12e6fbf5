"""A recorded call as a curl line and as a script: they ask the same again, and hold no key."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.snippets import Asking, render_curl, render_python

BASE = "http://127.0.0.1:8000/v1"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def asking(**document: Any) -> Asking:
    """A chat with this in its body."""
    return Asking("POST", BASE, "/chat/completions", json.dumps(document).encode())


def test_a_curl_line_can_be_pasted() -> None:
    """The variable is the only thing that the shell expands."""
    assert render_curl(asking(model="m", messages=[])) == (
        "curl -N http://127.0.0.1:8000/v1/chat/completions"
        " -H \"Authorization: Bearer $OPENAI_API_KEY\" -H 'Content-Type: application/json'"
        ' --data-raw \'{"model": "m", "messages": []}\''
    )


@pytest.mark.parametrize(
    ("method", "start"),
    [("GET", "curl -N http"), ("DELETE", "curl -N http"), ("POST", "curl -N http")],
)
def test_a_call_without_a_body_sends_none(method: str, start: str) -> None:
    """Its method is said where curl would take another."""
    line = render_curl(Asking(method, BASE, "/models"))
    assert line.startswith(start)
    assert ("-X" in shlex.split(line)) is (method != "GET")
    assert "--data-raw" not in line


@given(TEXTS)
def test_any_text_reaches_curl_as_it_is(text: str) -> None:
    """Quotes, dollars, line breaks and a leading @ mean nothing."""
    body = ("@" + text).encode()
    words = shlex.split(render_curl(Asking("POST", BASE, "/x", body)))
    assert words[-1].encode() == body


@pytest.mark.parametrize("body", [b"\xff", b"a\0b"])
def test_what_no_shell_can_pass_on_is_refused(body: bytes) -> None:
    """A broken line would be worse than none."""
    with pytest.raises(ValueError, match="body"):
        render_curl(Asking("POST", BASE, "/x", body))


def read(script: str) -> dict[str, Any]:
    """The request that stands in a script."""
    for statement in ast.parse(script).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "request":
            request: dict[str, Any] = ast.literal_eval(statement.value)
            return request
    raise AssertionError(script)


@settings(deadline=None)
@given(TEXTS, st.booleans())
def test_a_script_asks_the_same(text: str, stream: bool) -> None:
    """What the SDK does not take by name goes into extra_body."""
    document = {"model": text, "messages": [{"content": text}], "stream": stream, "top_k": None}
    script = render_python(asking(**document))
    request = read(script)
    further = request.pop("extra_body")
    assert further == {"top_k": None}
    assert request | further == document
    assert ("for chunk in" in script) is stream
    assert 'os.environ["OPENAI_API_KEY"]' in script


@pytest.mark.parametrize(
    "call",
    [
        Asking("GET", BASE, "/models"),
        Asking("POST", BASE, "/chat/completions", b"[1]"),
        Asking("POST", BASE, "/chat/completions", b"no json"),
        Asking("POST", BASE, "/embeddings", b"{}"),
    ],
)
def test_what_is_no_chat_has_no_script(call: Asking) -> None:
    """It is said, not guessed."""
    with pytest.raises(ValueError, match="no chat"):
        render_python(call)
