"""The SDK over HTTP/2, through the proxy listener: many streams on one connection."""

from __future__ import annotations

import asyncio

import httpx2
import openai
import pytest
from tests.e2e.programs import CLIENT_KEY, MODEL, Relay
from tests.e2e.servers import Demo

STREAMS = 12


def test_twelve_streams_share_one_connection(relay: Relay) -> None:
    """Each has begun before any has ended, none has another's text, and one connection does it."""
    before = relay.log().count("client connect")
    happened = asyncio.run(ask_all(relay))
    assert relay.log().count("client connect") == before + 1
    kinds = [kind for kind, _ in happened]
    assert sorted(happened) == sorted((k, n) for k in ("begun", "ended") for n in range(STREAMS))
    assert kinds == ["begun"] * STREAMS + ["ended"] * STREAMS


async def ask_all(relay: Relay) -> list[tuple[str, int]]:
    """Ask on all streams at once; what happened, in order."""
    happened: list[tuple[str, int]] = []
    async with (
        httpx2.AsyncClient(
            http2=True, proxy=relay.proxy_url, verify=relay.trust(), trust_env=False, timeout=20
        ) as http,
        openai.AsyncOpenAI(api_key=CLIENT_KEY, http_client=http, max_retries=0) as client,
    ):
        # The first call opens the connection that all share.
        await client.models.list()
        await asyncio.gather(*(ask(client, number, happened) for number in range(STREAMS)))
    return happened


async def ask(client: openai.AsyncOpenAI, number: int, happened: list[tuple[str, int]]) -> None:
    """Ask on one stream."""
    text = ""
    async for chunk in await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"number-{number}."}],
        stream=True,
        extra_headers={"x-demo": "pause=0.1, words=20"},
    ):
        if not text and chunk.choices[0].delta.content:
            happened.append(("begun", number))
        text += chunk.choices[0].delta.content or ""
    assert f"number-{number}." in text
    happened.append(("ended", number))


def test_an_error_is_typed_over_http2(relay: Relay, demo: Demo) -> None:
    """Nothing of the error handling depends on the version of HTTP."""
    with (
        relay.intercepted() as http,
        openai.OpenAI(api_key=CLIENT_KEY, http_client=http, max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            extra_headers={"x-demo": "in200=449"},
        )
    assert caught.value.response.http_version == "HTTP/2"
    assert demo.headers()["authorization"] != f"Bearer {CLIENT_KEY}"
