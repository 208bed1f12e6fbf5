"""Which recorded answer a request gets."""

from __future__ import annotations

from iflow_relay.recording.asked import Asked, Body, read_asked
from iflow_relay.recording.tape import Tape
from iflow_relay.routing import route


def chat(
    text: str, *more: str, method: str = "POST", target: str = "/v1/chat/completions"
) -> Asked:
    """A chat with these messages."""
    messages = ", ".join(f'{{"content": "{said}"}}' for said in (text, *more))
    body = f'{{"messages": [{messages}]}}'
    return read_asked(method, route(method, target), "application/json", body.encode())


def test_equal_requests_get_their_answers_in_the_order_recorded() -> None:
    """When they are used up, the last one again and again."""
    tape = Tape([(chat("a"), 1), (chat("b"), 2), (chat("a"), 3)])
    assert [tape.take(chat("a")) for _ in range(4)] == [1, 3, 3, 3]
    assert [tape.take(chat("b")) for _ in range(2)] == [2, 2]
    assert tape.size == 3


def test_what_was_not_recorded_has_no_answer() -> None:
    """It takes none away either."""
    tape = Tape([(chat("a"), 1), (chat("a"), 2)])
    assert tape.take(chat("b")) is None
    assert tape.take(chat("a")) == 1


def test_the_nearest_is_one_of_the_same_path_and_method() -> None:
    """Then the one that differs in the fewest places."""
    tape = Tape(
        [
            (chat("a", target="/v1/other"), 1),
            (chat("x", "y", "z"), 2),
            (chat("a", "b", "z"), 3),
            (chat("a", method="PUT"), 4),
        ]
    )
    assert tape.nearest(chat("a")) == chat("a", "b", "z")
    assert tape.nearest(chat("x", "y")) == chat("x", "y", "z")
    assert tape.nearest(chat("q", method="PUT")) == chat("a", method="PUT")
    assert tape.nearest(chat("q", target="/v1/other")) == chat("a", target="/v1/other")


def test_a_body_that_could_not_be_read_is_far_from_one_that_could() -> None:
    """It differs in one place only, which says nothing."""
    unread = read_asked("POST", route("POST", "/v1/chat/completions"), "", b"{no JSON")
    tape = Tape([(unread, 1), (chat("a", "b", "c"), 2)])
    assert tape.nearest(chat("x", "y", "z")) == chat("a", "b", "c")
    assert tape.nearest(unread._replace(body=Body(False, b"["))) == unread


def test_what_is_missing_is_explained() -> None:
    """By the nearest request, and the first place in which it differs."""
    tape = Tape([(chat("Hello"), 1), (chat("Hello", "more"), 2)])
    assert tape.explain(chat("Hallo")) == (
        "This POST /v1/chat/completions was not recorded. The nearest of 2 is POST "
        "/v1/chat/completions, which differs in messages[0].content: recorded "
        '"Hello", asked "Hallo"'
    )
    assert tape.explain(chat("a", target="/v1/embeddings")).endswith(
        'which differs in path: recorded "/chat/completions", asked "/embeddings"'
    )


def test_an_empty_recording_says_so() -> None:
    """There is nothing to compare with."""
    empty: Tape[int] = Tape([])
    assert empty.explain(chat("a")) == (
        "This POST /v1/chat/completions was not recorded: nothing was. Record it with "
        "iflow-relay record."
    )
