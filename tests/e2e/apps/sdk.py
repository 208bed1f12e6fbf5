"""An app with the official SDK in it, and no way to tell it where else to call.

It prints what it got as JSON. Words: `http2`; the numbers of seconds that may pass; the scenes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import openai

MODEL = "gpt-4o"
SAID: list[Any] = [{"role": "user", "content": "hello"}]


def chat(client: openai.OpenAI) -> str:
    """One whole answer."""
    answer = client.chat.completions.create(model=MODEL, messages=SAID)
    return answer.choices[0].message.content or ""


def stream(client: openai.OpenAI) -> str:
    """One streamed answer."""
    chunks = client.chat.completions.create(model=MODEL, messages=SAID, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def models(client: openai.OpenAI) -> list[str]:
    """The models that are listed."""
    return [model.id for model in client.models.list()]


def hang_up(client: openai.OpenAI) -> str:
    """Leave in the middle of a stream."""
    paced = {"x-demo": "pause=0.1, words=100"}
    with client.chat.completions.create(
        model=MODEL, messages=SAID, stream=True, extra_headers=paced
    ) as chunks:
        return next(iter(chunks)).object


def wait_in_stream(client: openai.OpenAI) -> str:
    """Read a stream that stops for ever after its first word."""
    silent = {"x-demo": "silence=1"}
    for _ in client.chat.completions.create(
        model=MODEL, messages=SAID, stream=True, extra_headers=silent
    ):
        print("reading", file=sys.stderr, flush=True)
    return "ended"


SCENES: dict[str, Callable[[openai.OpenAI], Any]] = {
    scene.__name__: scene for scene in (chat, stream, models, hang_up, wait_in_stream)
}


def play(client: openai.OpenAI, scene: str) -> Any:
    """What a scene gives; for an error its kind, with the status and code where it has them."""
    try:
        return SCENES[scene](client)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code]
    except (openai.APIError, httpx2.HTTPError) as error:
        return [type(error).__name__]


def main(words: list[str]) -> None:
    """Play the scenes in their order."""
    versions: set[str] = set()

    def note(response: httpx2.Response) -> None:
        versions.add(response.http_version)

    http = httpx2.Client(http2="http2" in words, timeout=20, event_hooks={"response": [note]})
    # Without an argument there is no other address than the built-in one.
    with openai.OpenAI(max_retries=0, http_client=http) as client:
        told = {scene: play(client, scene) for scene in words if scene in SCENES}
    print(json.dumps(told | {"versions": sorted(versions)}))


if __name__ == "__main__":
    main(sys.argv[1:])
