"""Requests and answers as values: what they show of themselves."""

from __future__ import annotations

from tests.unit.web.browsing import make_asked

from iflow_relay.web.asked import Said


def test_what_is_shown_of_a_request_has_no_secret_in_it() -> None:
    """Neither token, nor code, nor key: a log line may hold it."""
    asked = make_asked("POST", "/x?code=abc", b'{"key": "sk-abc"}', {"X-Relay-Token": "abc"})
    assert repr(asked) == "Asked(POST /x at http://127.0.0.1:8000)"
    assert asked.given == {"x-relay-token": "abc"}


def test_what_is_shown_of_an_answer_is_its_size() -> None:
    """The page's own answer holds the token."""
    assert repr(Said(200, ((b"A", b"b"),), b"abc")) == "Said(200, 3 bytes)"
