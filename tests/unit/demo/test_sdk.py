"""The official SDK, unchanged, against the demo upstream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.unit.demo.client import on_server

from iflow_relay.demo import KEY, USER_AGENT, DemoServer

MODEL = "glm-4.7"
MESSAGES: Any = [{"role": "user", "content": "Wie geht's, 世界 🌍?"}]
ANSWER = "You said: Wie geht's, 世界 🌍?"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def with_sdk(check: Callable[[AsyncOpenAI], Awaitable[None]]) -> None:
    """Run one check with a client of the SDK."""

    async def run(server: DemoServer) -> None:
        async with AsyncOpenAI(
            base_url=server.base_url,
            api_key=KEY,
            max_retries=0,
            default_headers={"User-Agent": USER_AGENT},
        ) as sdk:
            await check(sdk)

    on_server(run)


def test_the_sdk_chats() -> None:
    """Text, reason, usage."""

    async def check(sdk: AsyncOpenAI) -> None:
        answer = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES)
        assert answer.choices[0].message.content == ANSWER
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage
        assert answer.usage.total_tokens > 0

    with_sdk(check)


def test_the_sdk_streams() -> None:
    """It takes `data:` without a space; the pieces add up, and usage comes last."""

    async def check(sdk: AsyncOpenAI) -> None:
        stream = await sdk.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
        assert "".join(pieces) == ANSWER
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage

    with_sdk(check)


def test_the_sdk_goes_round_an_agents_loop() -> None:
    """A tool call, its result, a text."""

    async def check(sdk: AsyncOpenAI) -> None:
        first = await sdk.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS)
        message: Any = first.choices[0].message
        (call,) = message.tool_calls
        assert json.loads(call.function.arguments) == {"city": MESSAGES[0]["content"]}
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        second = await sdk.chat.completions.create(
            model=MODEL, messages=[*MESSAGES, message, result], tools=TOOLS
        )
        assert second.choices[0].message.content == "The tool said: sunny"

    with_sdk(check)


def test_the_sdk_puts_a_streamed_tool_call_together() -> None:
    """Its own accumulation gives the call that was streamed."""

    async def check(sdk: AsyncOpenAI) -> None:
        async with sdk.chat.completions.stream(
            model=MODEL, messages=MESSAGES, tools=TOOLS
        ) as stream:
            final: Any = await stream.get_final_completion()
        (call,) = final.choices[0].message.tool_calls
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments) == {"city": MESSAGES[0]["content"]}
        assert final.choices[0].finish_reason == "tool_calls"

    with_sdk(check)


def test_the_sdk_gets_json_that_fits_a_schema() -> None:
    """Structured output, streamed and not."""
    schema = {
        "type": "object",
        "properties": {
            "mood": {"type": "string", "enum": ["good", "bad"]},
            "degrees": {"type": "array", "items": {"type": "number"}},
        },
    }
    wish: Any = {"type": "json_schema", "json_schema": {"name": "mood", "schema": schema}}

    async def check(sdk: AsyncOpenAI) -> None:
        create: Any = sdk.chat.completions.create
        answer = await create(model=MODEL, messages=MESSAGES, response_format=wish)
        stream = await create(model=MODEL, messages=MESSAGES, response_format=wish, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert answer.choices[0].message.content == "".join(pieces)
        assert json.loads("".join(pieces)) == {"mood": "good", "degrees": [1]}

    with_sdk(check)


def test_the_sdk_sees_reasoning() -> None:
    """In the extra field that such models have, and in the details of usage."""

    async def check(sdk: AsyncOpenAI) -> None:
        answer: Any = await sdk.chat.completions.create(model="kimi-k2-thinking", messages=MESSAGES)
        assert answer.choices[0].message.reasoning_content.startswith("They said")
        assert answer.choices[0].message.content == ANSWER
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0

    with_sdk(check)


def test_the_sdk_gets_embeddings() -> None:
    """It asks for base64 by itself, and decodes it."""

    async def check(sdk: AsyncOpenAI) -> None:
        packed = await sdk.embeddings.create(model="any", input=["a", "b"])
        plain = await sdk.embeddings.create(model="any", input=["a", "b"], encoding_format="float")
        assert [d.embedding for d in packed.data] == [d.embedding for d in plain.data]

    with_sdk(check)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("demo:status=401", openai.AuthenticationError),
        ("demo:status=404", openai.NotFoundError),
        ("demo:status=429", openai.RateLimitError),
        ("demo:status=503", openai.InternalServerError),
        ("demo:close", openai.APIConnectionError),
        ("demo:half-head", openai.APIConnectionError),
    ],
)
def test_the_sdk_raises_what_a_fault_is(model: str, error: type[openai.OpenAIError]) -> None:
    """Each status has its class."""

    async def check(sdk: AsyncOpenAI) -> None:
        with pytest.raises(error):
            await sdk.chat.completions.create(model=model, messages=MESSAGES)

    with_sdk(check)


def test_many_streams_at_once_do_not_mix() -> None:
    """Each caller gets the answer to its own question."""

    async def check(sdk: AsyncOpenAI) -> None:
        async def one(number: int) -> None:
            messages: Any = [{"role": "user", "content": f"number {number}"}]
            stream = await sdk.chat.completions.create(
                model="demo:pause=0.001", messages=messages, stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(pieces) == f"You said: number {number}"

        await asyncio.gather(*(one(number) for number in range(20)))

    with_sdk(check)
