"""Conversations in mitmweb: what was said is there to read, rebuilt from its pieces."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.chat.chat_completion import Choice
from tests.e2e import conversations
from tests.e2e.conftest import LIKE_IFLOW, UNCHANGED, StartRelay
from tests.e2e.programs import CLIENT_KEY, MODEL, Relay, free_port, wait_until
from tests.e2e.servers import stub
from tests.unit.transcript.markdown_reader import Turn, read_conversations

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

    def command(self, name: str, *arguments: str) -> Any:
        """What its command bar does."""
        answer = self.web.post(f"/commands/{name}", json={"arguments": arguments})
        return answer.raise_for_status().json()


TOKEN = "0" * 32
HEADERS = {
    "Authorization": "Bearer pw",
    "X-XSRFToken": TOKEN,
    "Cookie": f"_mitmproxy_xsrf={TOKEN}; _xsrf={TOKEN}",
}
"""mitmweb compares the cookie and the field; what is in them it leaves to the browser."""


@contextlib.contextmanager
def watching(
    start_relay: StartRelay, *options: str, settings: Any = UNCHANGED
) -> Iterator[Watched]:
    """The relay in stock mitmweb."""
    port = free_port()
    web = ("web_open_browser=false", f"web_port={port}", "web_password=pw")
    relay = start_relay(*LIKE_IFLOW, *web, *options, program="mitmweb", settings=settings)
    address = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=address, headers=HEADERS, trust_env=False, timeout=20) as client:
        yield Watched(relay, client)


@pytest.fixture
def watched(start_relay: StartRelay) -> Iterator[Watched]:
    """The same, in front of the demo upstream."""
    with watching(start_relay) as watched:
        yield watched


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


CHATS = '~meta "^iflow.route: chat"'


def unbroken(text: str) -> str:
    """What the view shows, without its breaks in long lines, and with its blank lines empty."""
    return re.sub(r"^ $", "", text.replace("\u200b\n", ""), flags=re.MULTILINE)


def read_pretty(arguments: str) -> str:
    """Arguments over lines where they are JSON, else as they came."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, indent=2)
    except ValueError:
        return arguments


def calls_of(choice: Choice) -> list[tuple[str, str, str]]:
    """The SDK's tool calls as id, name and arguments."""
    return [
        (call.id, call.function.name, read_pretty(call.function.arguments))
        for call in choice.message.tool_calls or []
        if call.type == "function"
    ]


def view_of(choices: list[Choice]) -> str:
    """What the view has to say of the SDK's answer, put together anew."""
    lines = []
    for choice in choices:
        message = choice.message
        number = f" {choice.index}" if len(choices) > 1 else ""
        reasoning = (message.model_extra or {}).get("reasoning_content")
        said = {"reasoning": reasoning, "assistant": message.content, "refusal": message.refusal}
        for kind, text in said.items():
            lines += ["", f"── {kind}{number} ".ljust(72, "─"), text] if text else []
        if calls := calls_of(choice):
            lines += ["", f"── tool calls{number} ".ljust(72, "─")]
        for id, name, arguments in calls:
            shown = "\n".join(f"  {line}" for line in arguments.split("\n"))
            lines += [f"→ {name}  ({id})", *([shown] if arguments else [])]
    return "\n".join(lines)


def turns_of(choices: list[Choice]) -> list[Turn]:
    """What the Markdown has to say of it."""
    turns = []
    for choice in choices:
        message = choice.message
        reasoning = (message.model_extra or {}).get("reasoning_content")
        text, thought, refused = (
            (said,) if said else () for said in (message.content, reasoning, message.refusal)
        )
        role = f"answer {choice.index}" if len(choices) > 1 else "answer"
        turns.append(Turn(role, text, thought, refused, tuple(calls_of(choice))))
    return turns


def test_two_hundred_conversations_are_shown_as_the_sdk_has_them(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """Streamed and whole: the view and the Markdown file say what the SDK returned."""
    theirs: list[list[Choice]] = []
    with (
        stub(conversations.play) as upstream,
        watching(start_relay, settings={"apiKey": KEY, "baseUrl": upstream.base_url}) as watched,
        watched.relay.openai() as client,
    ):
        for number in range(200):
            said: list[ChatCompletionMessageParam]
            said = [{"role": "user", "content": f"conversation {number}"}]
            with client.chat.completions.stream(model=MODEL, messages=said) as stream:
                theirs.append(list(stream.get_final_completion().choices))
            theirs.append(client.chat.completions.create(model=MODEL, messages=said).choices)
        wait_until(lambda: len(watched.flows()) == 400, "the end of all flows")
        for flow, choices in zip(watched.flows(), theirs, strict=True):
            address = f"/flows/{flow['id']}/response/content/Auto.json"
            text = watched.web.get(address).raise_for_status().json()["text"]
            said_by_view = unbroken(text).partition("\n")[2].rpartition("\n\n── usage ─")[0]
            assert said_by_view == view_of(choices)
        path = tmp_path / "all.md"
        assert watched.command("iflow.save", CHATS, str(path)) == {"value": None}
    read = read_conversations(path.read_bytes().decode())
    for number, (turns, choices) in enumerate(zip(read, theirs, strict=True)):
        assert turns == [Turn("user", (f"conversation {number // 2}",)), *turns_of(choices)]
