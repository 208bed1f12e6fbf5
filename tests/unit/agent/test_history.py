"""Which conversation a request goes on with, and what an agent is prompted with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.agent.asking import Image, Message
from iflow_relay.agent.history import (
    GO_ON,
    NO_IMAGES,
    answered,
    digest,
    render_all,
    render_new,
    split_new,
)

TEXTS = st.text(max_size=5)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant", "system", "tool"]),
        st.lists(st.one_of(TEXTS, st.builds(Image, TEXTS, TEXTS)), max_size=2).map(tuple),
    ),
    max_size=4,
)
USER = Message("user", ("hello",))
ANSWER = Message("assistant", ("hi",))
IMAGE = Image("image/png", "aGk=")


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks if block["type"] == "text"]


@given(MESSAGES, TEXTS, MESSAGES)
def test_a_request_that_extends_a_conversation_is_known(
    before: list[Message], answer: str, new: list[Message]
) -> None:
    """Whatever was said: the messages up to our answer are those that the session has seen."""
    later = [message for message in new if message.role != "assistant"]
    seen = answered(before, answer)
    said, rest = split_new([*seen, *later])
    assert digest("", "", said) == digest("", "", seen)
    assert list(rest) == later


@given(MESSAGES, MESSAGES)
def test_different_conversations_are_told_apart(one: list[Message], other: list[Message]) -> None:
    """By roles, order and text; only blanks at the ends of a text do not count."""

    def plain(messages: list[Message]) -> list[Any]:
        return [
            (m.role, [p.strip() if isinstance(p, str) else ("image", p.data) for p in m.parts])
            for m in messages
        ]

    same = digest("", "", one) == digest("", "", other)
    assert same is (plain(one) == plain(other))


@pytest.mark.parametrize(
    ("caller", "system", "messages"),
    [
        ("other", "s", [USER]),
        ("c", "other", [USER]),
        ("c", "s", [ANSWER]),
        ("c", "s", [USER, ANSWER]),
        ("c", "s", []),
        ("cs", "", [USER]),
    ],
)
def test_caller_system_and_messages_make_a_conversation(
    caller: str, system: str, messages: list[Message]
) -> None:
    """Each of them alone makes it another."""
    assert digest(caller, system, messages) != digest("c", "s", [USER])


def test_blanks_at_the_ends_do_not_count() -> None:
    """Clients trim what they show."""
    trimmed = [USER, Message("assistant", ("hi",))]
    assert digest("", "s ", [USER, Message("assistant", ("hi\n",))]) == digest("", "s", trimmed)


def test_what_is_new_is_prompted_as_it_is() -> None:
    """One message of the user needs no marks."""
    assert render_new([USER], images=True) == [{"type": "text", "text": "hello"}]


def test_more_than_one_new_message_is_marked() -> None:
    """Such as what a client's tool gave, and what the user says to it."""
    prompt = render_new([Message("tool", ("rain",)), USER], images=True)
    assert texts(prompt) == ["<tool>\nrain\n</tool>\n<user>\nhello\n</user>"]


def test_nothing_new_means_to_go_on() -> None:
    """A client may want more of the same answer."""
    assert texts(render_new([], images=True)) == [GO_ON]
    assert texts(render_all("", [USER, ANSWER], images=True))[0].endswith(GO_ON)


def test_a_first_message_is_prompted_as_it_is() -> None:
    """After the system message, where there is one."""
    assert texts(render_all("", [USER], images=True)) == ["hello"]
    assert texts(render_all("be kind", [USER], images=True)) == [
        "<system>\nbe kind\n</system>",
        "hello",
    ]


def test_history_is_replayed_with_its_roles() -> None:
    """And what is to be answered is said at the end."""
    (text,) = texts(render_all("", [USER, ANSWER, Message("user", ("and now",))], images=True))
    assert text.split("\n") == [
        "This is a conversation that you have had with a user so far:",
        *("<user>", "hello", "</user>"),
        *("<assistant>", "hi", "</assistant>"),
        *("<user>", "and now", "</user>"),
        "Answer the last message of the user.",
    ]


def test_images_keep_their_place() -> None:
    """Or are missed in words."""
    message = Message("user", ("a", IMAGE, "b"))
    assert render_new([message], images=True) == [
        {"type": "text", "text": "a"},
        {"type": "image", "mimeType": "image/png", "data": "aGk="},
        {"type": "text", "text": "b"},
    ]
    assert texts(render_new([message], images=False)) == [f"a\n{NO_IMAGES}\nb"]


@given(st.text(max_size=5), MESSAGES, st.booleans())
def test_there_is_always_something_to_prompt(
    system: str, messages: list[Message], images: bool
) -> None:
    """An agent refuses an empty prompt."""
    assert render_all(system, messages, images=images)
