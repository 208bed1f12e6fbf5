"""Gets addresses with one of Python's HTTP clients: `get.py CLIENT ADDRESS…`, bodies as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from urllib.request import urlopen


def with_requests(addresses: Sequence[str]) -> list[str]:
    """One session."""
    import requests

    with requests.Session() as session:
        return [session.get(address, timeout=20).text for address in addresses]


def with_httpx(addresses: Sequence[str]) -> list[str]:
    """One client."""
    import httpx

    with httpx.Client(timeout=20) as client:
        return [client.get(address).text for address in addresses]


def with_urllib(addresses: Sequence[str]) -> list[str]:
    """The standard library's own."""
    return [urlopen(address, timeout=20).read().decode() for address in addresses]  # noqa: S310


def with_aiohttp(addresses: Sequence[str]) -> list[str]:
    """It looks at the environment where it is told to."""
    import aiohttp

    async def get() -> list[str]:
        async with aiohttp.ClientSession(trust_env=True) as session:
            return [await (await session.get(address)).text() for address in addresses]

    return asyncio.run(get())


CLIENTS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "urllib": with_urllib,
    "aiohttp": with_aiohttp,
}

if __name__ == "__main__":
    print(json.dumps(CLIENTS[sys.argv[1]](sys.argv[2:])))
