"""Answers made up by a number, and an upstream that plays them, cut wherever bytes can be cut."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from tests.e2e.servers import read_request

WORDS: tuple[str, ...] = (
    "河流",
    "🌊🏔️",
    "Grüße ",
    "plain words, ",
    "\n",
    "\n\n## 1 · user\n\n",
    "```\n",
    "",
    "\u2028",
)
WORDS += ("## Title\n", "── usage ──\n", '"quoted" \\ ', "· ", "> quote\n", "e\u0301", "\t", "<b>")
WORDS += ("a sentence that goes on for longer than others, " * 3, "河流的水很深" * 9)
TURN = re.compile(rb"conversation (\d+)")


class Made(NamedTuple):
    """One of several answers in its pieces; a call is its id, its name, and its pieces."""

    reasoning: list[str]
    content: list[str]
    refusal: list[str]
    calls: list[tuple[str, str, list[str]]]


def make(number: int) -> list[Made]:
    """The answers of a conversation, the same for the same number."""
    random = Random(number)  # noqa: S311 - made up, not secret
    return [_make(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]


def _make(random: Random) -> Made:
    def words(chance: float) -> list[str]:
        return random.choices(WORDS, k=random.randint(1, 12)) if random.random() < chance else []

    names = random.sample(("weather", "read_file", "a-b", "x"), k=random.choice((0, 0, 1, 2, 3)))
    calls = [
        (f"call_{random.randrange(1 << 32):x}", name, _arguments(random, words(0.8)))
        for name in names
    ]
    return Made(words(0.4), words(0.8), words(0.1), calls)


def _arguments(random: Random, words: list[str]) -> list[str]:
    """Arguments in fragments; sometimes they break off."""
    value = {"text": "".join(words), "more": [1, {"deep": None}]} if words else {}
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1:
        text = text[: len(text) // 2]
    cuts = sorted(random.choices(range(len(text) + 1), k=random.randint(0, 5)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _deltas(random: Random, made: Made) -> Iterator[dict[str, Any]]:
    """The deltas of an answer: its texts, then its calls with their fragments in turn."""
    yield {"role": "assistant", "content": ""}
    yield from ({"reasoning_content": word} for word in made.reasoning)
    yield from ({"content": word} for word in made.content)
    yield from ({"refusal": word} for word in made.refusal)
    for index, (id, name, _) in enumerate(made.calls):
        function = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}
    left = [(index, list(pieces)) for index, (_, _, pieces) in enumerate(made.calls)]
    while left := [(index, pieces) for index, pieces in left if pieces]:
        index, pieces = random.choice(left)
        yield {"tool_calls": [{"index": index, "function": {"arguments": pieces.pop(0)}}]}


def _usage(number: int) -> dict[str, Any]:
    details = {"reasoning_tokens": number % 5}
    return {
        "prompt_tokens": number,
        "completion_tokens": number % 7,
        "total_tokens": number + number % 7,
        "completion_tokens_details": details,
    }


def _chunks(number: int) -> Iterator[dict[str, Any]]:
    random = Random(number)  # noqa: S311
    all_made = make(number)
    queues = [(index, list(_deltas(random, made))) for index, made in enumerate(all_made)]
    # The SDK takes the first deltas of the answers in their order alone.
    for index, queue in queues:
        yield {"choices": [{"index": index, "delta": queue.pop(0), "finish_reason": None}]}
    while queues := [(index, queue) for index, queue in queues if queue]:
        index, queue = random.choice(queues)
        yield {"choices": [{"index": index, "delta": queue.pop(0), "finish_reason": None}]}
    for index, made in enumerate(all_made):
        finish = "tool_calls" if made.calls else "stop"
        yield {"choices": [{"index": index, "delta": {}, "finish_reason": finish}]}
    yield {"choices": [], "usage": _usage(number)}


def stream_of(number: int) -> bytes:
    """The whole stream; letters beyond ASCII stand for themselves, or as escapes."""
    head = {"id": f"c{number}", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    ascii = number % 3 == 0
    events = [json.dumps(head | chunk, ensure_ascii=ascii) for chunk in _chunks(number)]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


def document_of(number: int) -> bytes:
    """The same answer in one document."""
    choices = [_choice(index, made) for index, made in enumerate(make(number))]
    head = {"id": f"c{number}", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps(head | {"choices": choices, "usage": _usage(number)}).encode()


def _choice(index: int, made: Made) -> dict[str, Any]:
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
        for id, name, pieces in made.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(made.content) or None}
    if made.reasoning:
        message["reasoning_content"] = "".join(made.reasoning)
    if made.refusal:
        message["refusal"] = "".join(made.refusal)
    if calls:
        message["tool_calls"] = calls
    return {"index": index, "message": message, "finish_reason": "tool_calls" if calls else "stop"}


def play(connection: socket.socket) -> None:
    """Answers every chat of a connection with the conversation that its request names."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while request := read_request(connection):
        found = TURN.search(request)
        number = int(found[1]) if found else 0
        if json.loads(request.partition(b"\r\n\r\n")[2]).get("stream"):
            _play_stream(connection, number)
        else:
            body = document_of(number)
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            )
            connection.sendall(head.encode() + b"\r\n\r\n" + body)


def _play_stream(connection: socket.socket, number: int) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.sendall(head)
    body, random = stream_of(number), Random(number)  # noqa: S311
    cuts = sorted(random.choices(range(1, len(body)), k=random.randint(1, 20)))
    for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        if begin < end:
            connection.sendall(b"%x\r\n%b\r\n" % (end - begin, body[begin:end]))
    connection.sendall(b"0\r\n\r\n")
