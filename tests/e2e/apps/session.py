"""A session with the official SDK, every answer of which is printed as JSON: `session.py sync`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

MODEL = "qwen3-coder-plus"
HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Grüße 河流 🌊"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
FAULTS = ("status=429", "in200", "empty-406", "html", "cut=3", "error-event=2", "no-done", "close")
"""What goes wrong at the demo upstream, whole and streamed."""


def history(call: Any) -> list[ChatCompletionMessageParam]:
    """The messages that bring a tool's result."""
    said: Any = {"role": "assistant", "tool_calls": [call.model_dump()]}
    return [*HI, said, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]


def tell(error: openai.APIError) -> str:
    """An error in words: all that the SDK knows of it."""
    return f"{type(error).__name__} {error.message} {error.body} {getattr(error, 'code', None)}"


def faults() -> Iterator[dict[str, Any]]:
    """The arguments of each call that goes wrong."""
    for fault in FAULTS:
        for stream in (False, True):
            yield {"stream": stream, "extra_headers": {"x-demo": fault}, "temperature": 0.5}


def play(client: openai.OpenAI) -> Iterator[str]:
    """The session, one call after the other."""
    create = client.chat.completions.create
    yield create(model=MODEL, messages=HI).model_dump_json()
    for _ in range(2):
        paced = {"x-demo": "pause=0.03"}
        for chunk in create(model=MODEL, messages=HI, stream=True, extra_headers=paced):
            yield chunk.model_dump_json()
    asked = create(model=MODEL, messages=HI, tools=[WEATHER])
    yield asked.model_dump_json()
    [call] = asked.choices[0].message.tool_calls or []
    for chunk in create(model=MODEL, messages=history(call), tools=[WEATHER], stream=True):
        yield chunk.model_dump_json()
    yield client.models.list().model_dump_json()
    yield client.models.retrieve(MODEL).model_dump_json()
    yield client.embeddings.create(model=MODEL, input=["one", "two"]).model_dump_json()
    for arguments in faults():
        try:
            answer: Any = create(model=MODEL, messages=HI, **arguments)
            for chunk in answer if arguments["stream"] else [answer]:
                yield chunk.model_dump_json()
        except openai.APIError as error:
            yield tell(error)
    try:
        client.files.create(file=("a.txt", b"some bytes"), purpose="assistants")
    except openai.APIError as error:
        yield tell(error)


async def ask(client: openai.AsyncOpenAI, number: int) -> list[str]:
    """One streamed call of many."""
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": f"number {number}"}], stream=True
    )
    return [chunk.model_dump_json() async for chunk in stream]


async def play_at_once() -> list[str]:
    """Many calls under way at the same time, and one that fails."""
    async with openai.AsyncOpenAI(max_retries=0, timeout=20) as client:
        told = [await client.chat.completions.create(model=MODEL, messages=HI)]
        streams = await asyncio.gather(*(ask(client, number) for number in range(8)))
        try:
            await client.chat.completions.create(model="no-such-model", messages=HI)
        except openai.APIError as error:
            streams.append([tell(error)])
        listed = [model.model_dump_json() async for model in client.models.list()]
    whole = [answer.model_dump_json() for answer in told]
    return [*whole, *(line for stream in streams for line in stream), *listed]


def main(words: list[str]) -> None:
    """Print all that the client was told."""
    if "async" in words:
        print(*asyncio.run(play_at_once()), sep="\n")
        return
    with openai.OpenAI(max_retries=0, timeout=20) as client:
        for line in play(client):
            print(line, flush=True)


main(sys.argv[1:])
