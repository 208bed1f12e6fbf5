"""What is said of two requests that differ: where, and both values, short and without keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from tests.unit.recording.documents import documents

from iflow_relay.recording.asked import read_asked
from iflow_relay.recording.difference import differences
from iflow_relay.routing import route

KEY = "sk-0123456789abcdef0123"
LONG = "x" * 200


def told(old: Any, new: Any, target: str = "/v1/other") -> list[str]:
    """The differences of two bodies."""
    asked = [
        read_asked("POST", route("POST", target), "", json.dumps(document).encode())
        for document in (old, new)
    ]
    return [str(difference) for difference in differences(*asked)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            {"messages": [{"content": "a"}, {"content": "Hello"}]},
            {"messages": [{"content": "a"}, {"content": "Hallo"}]},
            'messages[1].content: recorded "Hello", asked "Hallo"',
        ),
        ({}, {"seed": 1}, "seed: recorded nothing, asked 1"),
        ({"n": 1}, {"n": True}, "n: recorded 1, asked true"),
        ({"n": None}, {}, "n: recorded null, asked nothing"),
        ({"a b": 1}, {"a b": 2}, '["a b"]: recorded 1, asked 2'),
        ([1], [1, {"x": "y"}], '[1]: recorded nothing, asked {"x": "y"}'),
        ({"x": "a"}, {"x": ["a"]}, 'x: recorded "a", asked ["a"]'),
        (1, 2, "body: recorded 1, asked 2"),
        (
            [{"id": "a"}, {"id": "b"}],
            [{"id": "a"}, {"id": "a"}],
            "[1].id: recorded id 2, asked id 1",
        ),
        ({"date": "2026-01-01"}, {"date": "soon"}, 'date: recorded a date, asked "soon"'),
        ({"x": LONG + "a"}, {"x": LONG + "b"}, f'x: recorded …"{"x" * 20}a", asked …"{"x" * 20}b"'),
        ({"x": LONG}, {"x": "y"}, f'x: recorded "{"x" * 58}…, asked "y"'),
        ({"x": "河\n"}, {"x": "流"}, 'x: recorded "河\\n", asked "流"'),
        ({"max_tokens": 1}, {"max_tokens": 2}, "max_tokens: recorded 1, asked 2"),
        ({"api_key": "abc"}, {"api_key": "abd"}, "api_key: two values that are not shown"),
        ({"x": KEY}, {"x": KEY[:-1]}, "x: two values that are not shown"),
        ({"x": f"use {KEY}"}, {"x": "use none"}, 'x: recorded "use sk-…", asked "use none"'),
    ],
)
def test_a_difference_in_words(old: Any, new: Any, said: str) -> None:
    """A JSON path, and both values as JSON."""
    assert told(old, new) == [said]


@pytest.mark.parametrize("around", ["{}", LONG + "{}", "{}" + LONG, "a {} b"])
def test_no_key_is_ever_shown(around: str) -> None:
    """Not even the end of one that both texts have in common."""
    one, other = around.format(KEY + "1"), around.format(KEY + "2")
    said = told({"a": one, "b": [{"secret": one}]}, {"a": other, "c": [{"secret": "hush hush"}]})
    assert len(said) == 3
    assert not any(KEY[-8:] in line or "hush" in line for line in said)


def test_bodies_that_are_no_json_are_shown_as_text() -> None:
    """Bytes that are none are written as escapes."""
    url = route("POST", "/v1/audio")
    one, other = (read_asked("POST", url, "", body) for body in (b"a\xff", b'{"a": 1}'))
    assert [str(found) for found in differences(one, other)] == [
        'body: recorded "a\\\\xff", asked "JSON"'
    ]


def test_method_path_and_query_come_first() -> None:
    """They tell more than what a body for another place has in it."""
    one = read_asked("POST", route("POST", "/v1/a?x=1"), "", b'{"n": 1}')
    other = read_asked("PUT", route("PUT", "/v1/b"), "", b'{"n": 2}')
    assert [found.place for found in differences(one, other)] == ["method", "path", "query", "n"]


@given(documents(), documents())
def test_requests_that_are_not_equal_differ_somewhere(old: Any, new: Any) -> None:
    """And what is said of it is one short line."""
    first, second = (
        read_asked("POST", route("POST", "/v1/x"), "", json.dumps(document).encode())
        for document in (old, new)
    )
    assert bool(told(old, new)) == (first.key != second.key)
    assume(first.key != second.key)
    assert all(len(line) < 300 and "\n" not in line for line in told(old, new))
