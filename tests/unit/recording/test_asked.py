"""Two requests are equal, or they are not: method, path, query and body."""

from __future__ import annotations

import json

import pytest

from iflow_relay.recording.asked import Asked, read_asked
from iflow_relay.routing import route

CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
FORM = "multipart/form-data; boundary="


def asked(
    target: str = "/v1/chat/completions",
    body: bytes = CHAT,
    *,
    method: str = "POST",
    media: str = "application/json",
    model: str | None = None,
) -> Asked:
    """A request as it is compared."""
    return read_asked(method, route(method, target), media, body, model=model)


def form(boundary: str, text: str) -> bytes:
    """A form with one field."""
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n{text}\r\n--{boundary}--'
    ).encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (asked(), asked("/chat/completions")),
        (asked("/v1/x?a=1&b=2"), asked("/v1/x?b=2&a=1")),
        (asked(body=b'{"a": 1, "b": 2}'), asked(body=b' {"b":2,"a":1}')),
        (asked(media="text/plain"), asked()),
        (asked(body=CHAT.replace(b'"m"', b'"ran"'), model="m"), asked()),
        (asked(body=b'{"messages": []}'), asked(body=b'{"messages": [], "model": null}')),
        (
            asked(body=b'{"messages": [], "model": "default"}', model=""),
            asked(body=b'{"messages": []}'),
        ),
        (
            asked("/v1/audio", form("xx", "t"), media=FORM + "xx"),
            asked("/v1/audio", form("yy", "t"), media=FORM + '"yy"; charset=utf-8'),
        ),
    ],
)
def test_equal_requests(one: Asked, other: Asked) -> None:
    """They differ only in what does not count."""
    assert one == other
    assert one.key == other.key


@pytest.mark.parametrize(
    "other",
    [
        asked("/v1/embeddings"),
        asked("/v1/chat/completions?a=1"),
        asked(body=CHAT.replace(b"hello", b"Hello")),
        asked(body=CHAT.replace(b'"m"', b'"n"')),
        asked(body=b""),
        asked(body=CHAT[:-1]),
        asked("/v1/models", b"", method="GET"),
        asked("/v1/models", b"", method="HEAD"),
        asked("/v1/models/a", b"", method="GET"),
        asked("/v1/models/b", b"", method="GET"),
        asked("/v1/audio", form("xx", "t"), media=FORM + "xx"),
        asked("/v1/audio", form("xx", "u"), media=FORM + "xx"),
        asked("/v1/audio", form("xx", "t")),
    ],
)
def test_other_requests(other: Asked) -> None:
    """Each differs from the usual one, and its key does too."""
    assert other != asked()
    assert other.key != asked().key
    assert other.line.startswith(f"{other.method} /v1/")


def test_another_model_of_what_is_no_chat_counts() -> None:
    """Only of a chat it is known which one was asked for."""
    one = asked("/v1/embeddings", b'{"model": "a"}')
    assert one.key != asked("/v1/embeddings", b'{"model": "b"}').key
    assert one.key != asked("/v1/embeddings", b"{}").key


def test_a_body_that_is_nested_too_deeply_is_compared_by_its_bytes() -> None:
    """It is no error."""
    deep = b"[" * 100_000
    assert asked(body=deep).body == (False, deep)
    nested = json.dumps("x").encode()
    for _ in range(900):
        nested = b"[" + nested + b"]"
    assert asked(body=nested).key == asked(body=nested).key
