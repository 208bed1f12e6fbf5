"""What a chat request asks of an agent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iflow_relay.agent.asking import Asked, Image, Message, parse_asked
from iflow_relay.errors import InvalidJson, InvalidRequest

USER = {"role": "user", "content": "hello"}


def parse(*messages: dict[str, Any], **more: Any) -> Asked:
    document = {"model": "iflow", "messages": list(messages), **more}
    return parse_asked(json.dumps(document).encode())


def test_a_plain_request_is_read() -> None:
    """Neither streamed nor with usage, unless it says so."""
    assert parse(USER) == Asked("iflow", "", (Message("user", ("hello",)),), False, False)
    asked = parse(USER, stream=True, stream_options={"include_usage": True})
    assert (asked.stream, asked.include_usage) == (True, True)


def test_system_messages_before_the_first_turn_are_the_system_prompt() -> None:
    """Under both of their names; later ones stay where they are."""
    system = {"role": "system", "content": "be kind"}
    developer = {"role": "developer", "content": [{"type": "text", "text": "be brief"}]}
    asked = parse(system, developer, USER, system, USER)
    assert asked.system == "be kind\n\nbe brief"
    assert [message.role for message in asked.messages] == ["user", "system", "user"]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("a", ("a",)),
        ("", ()),
        (None, ()),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ("a\nb",)),
        (["a"], ("a",)),
        ([{"type": "refusal", "refusal": "no"}], ("no",)),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/PNG;base64,aGk="}}],
            (Image("image/png", "aGk="),),
        ),
        (
            [{"type": "image_url", "image_url": "https://example.com/x.png"}],
            ("[an image was left out: https://example.com/x.png]",),
        ),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/svg,x"}}],
            ("[an image was left out]",),
        ),
        ([{"type": "input_audio"}], ("[content of the type input_audio was left out]",)),
        (
            [{"type": "text", "text": "a"}, {"type": "file"}],
            ("a\n[content of the type file was left out]",),
        ),
    ],
)
def test_content_is_text_and_images(content: Any, parts: tuple[Any, ...]) -> None:
    """What cannot be passed on is missed in words."""
    assert parse({"role": "user", "content": content}).messages[0].parts == parts


def test_calls_of_the_clients_tools_are_history() -> None:
    """An agent has tools of its own."""
    call = {"function": {"name": "weather", "arguments": "{}"}}
    asked = parse(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "rain"},
        tools=[{"type": "function"}],
    )
    assert asked.messages[1:] == (
        Message("assistant", ("[called weather with {}]",)),
        Message("tool", ("rain",)),
    )


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [USER, {"role": "narrator"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [USER], "n": 2}, "n"),
    ],
)
def test_what_no_agent_can_answer_is_refused(document: dict[str, Any], param: str) -> None:
    """The error names the place."""
    with pytest.raises(InvalidRequest) as caught:
        parse_asked(json.dumps(document).encode())
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """However it is broken."""
    with pytest.raises(InvalidJson):
        parse_asked(body)


def test_json_that_is_no_object_is_refused() -> None:
    """A list is no request."""
    with pytest.raises(InvalidRequest):
        parse_asked(b"[]")
