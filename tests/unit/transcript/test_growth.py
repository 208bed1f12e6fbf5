"""What of a request was sent before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.transcript.growth import Growth, new_turns
from iflow_relay.transcript.values import Asked, Message, Text


def asked(words: str) -> Asked:
    """A request with one message for each letter."""
    return Asked(messages=tuple(Message("user", (Text(word),)) for word in words))


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [("", "a", 0), ("a", "", 0), ("ab", "abc", 2), ("abc", "abc", 3), ("abc", "axc", 1)],
)
def test_two_requests_share_their_first_messages(before: str, now: str, same: int) -> None:
    """Counted up to the first that differs."""
    assert new_turns(asked(before), asked(now)) == same


@pytest.mark.parametrize(
    ("requests", "known"),
    [
        (["a", "abc", "abcde"], [0, 1, 3]),
        (["abc", "abc"], [0, 0]),
        (["a", "abc", "abc"], [0, 1, 1]),
        (["abc", "abx"], [0, 0]),
        (["abc", "xyz", "abcd", "xyzz"], [0, 0, 3, 3]),
        (["", "a"], [0, 0]),
    ],
)
def test_a_growing_conversation_is_known(requests: list[str], known: list[int]) -> None:
    """Several may grow side by side; the same once more is shown as the first time."""
    growth = Growth()
    assert [growth.note("here", asked(words)) for words in requests] == known


def test_clients_do_not_know_each_others_conversations() -> None:
    """The same words from elsewhere are new."""
    growth = Growth()
    growth.note("here", asked("a"))
    assert growth.note("there", asked("ab")) == 0
    assert growth.note("here", asked("ab")) == 1


def test_the_oldest_conversation_is_forgotten() -> None:
    """No more are remembered than there is room for."""
    growth = Growth(size=2)
    for word in "abc":
        growth.note("here", asked(word))
    assert [growth.note("here", asked(words)) for words in ("ax", "cx")] == [0, 1]


@given(st.lists(st.text("ab", max_size=5)))
def test_what_is_known_was_really_sent(requests: list[str]) -> None:
    """The number is the length of the longest earlier request that this one goes on from."""
    growth = Growth()
    for number, words in enumerate(requests):
        earlier = [len(w) for w in requests[:number] if words.startswith(w) and w != words]
        assert growth.note("here", asked(words)) == max(earlier, default=0)
