"""Conversations in mitmweb: what was said is there to read, rebuilt from its pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLIENT_KEY, MODEL, Relay, free_port, wait_until

from iflow_relay.demo import KEY

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Grüße 河流 🌊"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Watched(NamedTuple):
    """A relay in mitmweb, and a client of mitmweb's own interface."""

    relay: Relay
    web: httpx2.Client

    def flows(self) -> list[dict[str, Any]]:
        """The flows that have ended."""
        flows: list[dict[str, Any]] = self.web.get("/flows").raise_for_status().json()
        return [
            flow
            for flow in flows
            if flow["request"]["path"].endswith("/completions")
            and (flow.get("error") or (flow.get("response") or {}).get("timestamp_end"))
        ]

    def shown(self, number: int, message: str, view: str = "Auto") -> dict[str, Any]:
        """What mitmweb shows of the flow of this number, once it has ended."""
        wait_until(lambda: len(self.flows()) > number, "the end of the flow")
        address = f"/flows/{self.flows()[number]['id']}/{message}/content/{view}.json"
        found: dict[str, Any] = self.web.get(address).raise_for_status().json()
        return found


@pytest.fixture
def watched(start_relay: StartRelay) -> Iterator[Watched]:
    """The relay in stock mitmweb."""
    port = free_port()
    web = ("web_open_browser=false", f"web_port={port}", "web_password=pw")
    relay = start_relay(*LIKE_IFLOW, *web, program="mitmweb")
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": "Bearer pw"},
        trust_env=False,
        timeout=20,
    ) as client:
        yield Watched(relay, client)


def test_a_streamed_chat_with_tools_is_shown_as_the_sdk_has_it(watched: Watched) -> None:
    """Chosen by itself; text, calls and reason are those that the client's SDK has put together."""
    with watched.relay.openai() as client:
        for tools in ([], [WEATHER]):
            with client.chat.completions.stream(model=MODEL, messages=HI, tools=tools) as stream:
                final = stream.get_final_completion().choices[0]
            number = len(tools)
            shown = watched.shown(number, "response")
            assert shown["view_name"] == "LLM chat"
            text = shown["text"]
            assert f"finish={final.finish_reason}" in text
            assert (final.message.content or "") in text
            for call in final.message.tool_calls or []:
                assert f"→ {call.function.name}  ({call.id})" in text
            assert "[DONE]" in text
            assert "── broken" not in text
            assert KEY not in text
            assert CLIENT_KEY not in text
    asked = watched.shown(1, "request")
    assert asked["view_name"] == "LLM chat"
    assert "tools: weather(city)" in asked["text"]
    assert "Grüße 河流 🌊" in asked["text"]


def test_a_broken_stream_says_where_it_broke(watched: Watched) -> None:
    """What had come by then is shown."""
    body = {"model": MODEL, "messages": HI, "stream": True}
    with watched.relay.client() as client:
        client.post("/chat/completions", json=body, headers={"x-demo": "cut-event=4"})
    text = watched.shown(0, "response")["text"]
    assert "── assistant ─" in text
    assert "You said: " in text
    assert "── error ─" in text
    assert "An error ends the stream at event 6, after " in text


def test_only_new_turns_are_shown_whole(watched: Watched) -> None:
    """A conversation that goes on is known by what was said before."""
    first: list[Any] = [{"role": "system", "content": "Be brief."}, *HI]
    more = [*first, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And?"}]
    with watched.relay.openai() as client:
        for messages in (first, more):
            client.chat.completions.create(model=MODEL, messages=messages)
            watched.shown(0 if messages is first else 1, "request")
    text = watched.shown(1, "request")["text"]
    assert "… 2 earlier messages as before …\n  system: Be brief.\n  user: Grüße" in text
    assert text.endswith("And?\n")
