"""Members of a JSON object are set and removed, and the rest of its text stays."""

from __future__ import annotations

import time
from textwrap import dedent
from typing import Any

import pytest

from iflow_relay.jsonedit import GONE, edit_object
from iflow_relay.jsontext import parse_text


@pytest.mark.parametrize(
    ("text", "members", "edited"),
    [
        ('{"a": 1, "b": 2}', {"a": 3}, '{"a": 3, "b": 2}'),
        ('{"a": [1, {"a": 5}], "b": 2}', {"a": "x"}, '{"a": "x", "b": 2}'),
        ('{"a" /* c */ : /* d */ 1 /* e */}', {"a": 2}, '{"a" /* c */ : /* d */ 2 /* e */}'),
        ('{"a": "} // \\" ,", "b": 2}', {"b": 3}, '{"a": "} // \\" ,", "b": 3}'),
        ('{"api\\u004bey": "x"}', {"apiKey": "y"}, '{"api\\u004bey": "y"}'),
        ('{"a": 1, "a": 2, "b": 3}', {"a": 4}, '{"a": 1, "a": 4, "b": 3}'),
        ('{"a": 1}', {"a": "é\u2028"}, '{"a": "é\u2028"}'),
        ('{"a": 1}', {"a": "\ud800"}, '{"a": "\\ud800"}'),
        ('\ufeff// {"a": 0}\n{"a": 1}\n\n', {"a": 2}, '\ufeff// {"a": 0}\n{"a": 2}\n\n'),
        ('{"a":1,"b":2}', {"a": {"x": [1, 2]}}, '{"a":{"x":[1,2]},"b":2}'),
        ('{"a": 1, "b": 2}', {"a": {"x": [1, 2]}}, '{"a": {"x": [1, 2]}, "b": 2}'),
    ],
)
def test_a_value_is_set_in_its_place(text: str, members: dict[str, Any], edited: str) -> None:
    """Names, comments and what else stands around it are as they were."""
    assert edit_object(text, members) == edited


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"a": 1e3}', {"a": 1000.0}),
        ('{"a": "\\u00e9"}', {"a": "é"}),
        ('{"a":{"x":1 /* c */,}}', {"a": {"x": 1}}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": NaN}', {"a": float("nan")}),
        ('{"a": 1}', {"b": GONE}),
        ("{}", {}),
    ],
)
def test_what_is_there_already_is_not_touched(text: str, members: dict[str, Any]) -> None:
    """However it is spelt."""
    assert edit_object(text, members) == text


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False), ("1", 1)])
def test_values_that_python_takes_for_equal_are_told_apart(before: object, after: object) -> None:
    """JSON has one kind of number, but a reader in another language may see 1 and 1.0."""
    text = edit_object("{}", {"a": before})
    assert edit_object(text, {"a": after}) == edit_object("{}", {"a": after})


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("{}", '{\n  "n": 0\n}'),
        ("{}\n", '{\n  "n": 0\n}\n'),
        ("{\n}", '{\n  "n": 0\n}'),
        ("{\r\n}", '{\r\n  "n": 0\r\n}'),
        ("{ // c\n}", '{\n  "n": 0 // c\n}'),
        ("{,}", '{\n  "n": 0\n,}'),
        ('{"a":1}', '{"a":1,"n":0}'),
        ('{ "a": 1 }', '{ "a": 1, "n": 0 }'),
        ('{"a": 1,}', '{"a": 1, "n": 0,}'),
        ('{"a": 1 // c\n}', '{"a": 1, "n": 0 // c\n}'),
        ('{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "n": 0\n}\n'),
        ('{\n\t"a": {\n\t}\n}', '{\n\t"a": {\n\t},\n\t"n": 0\n}'),
        ('{\n"a": 1\n}', '{\n"a": 1,\n"n": 0\n}'),
        ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "n": 0\r\n}'),
        ('{\n  "a": 1 // c\n}', '{\n  "a": 1, // c\n  "n": 0\n}'),
        ('{\r\n  "a": 1 // c\r\n}', '{\r\n  "a": 1, // c\r\n  "n": 0\r\n}'),
        ('{\n  "a": 1 /* c */ // d\n}', '{\n  "a": 1, /* c */ // d\n  "n": 0\n}'),
        ('{\n  "a": 1, // c\n  // d\n}', '{\n  "a": 1, // c\n  "n": 0,\n  // d\n}'),
        ('{\n  "a": 1 // c\n  , // d\n}', '{\n  "a": 1 // c\n  , // d\n  "n": 0,\n}'),
        ('{ "b": 2,\n  "a": 1 }', '{ "b": 2,\n  "a": 1,\n  "n": 0 }'),
        ('{"a": 1} // {"b": 2}', '{"a": 1, "n": 0} // {"b": 2}'),
    ],
)
def test_a_new_member_comes_last_and_looks_like_the_others(text: str, edited: str) -> None:
    """On a line of its own where they have one; a comment stays with the line that it is on."""
    assert edit_object(text, {"n": 0}) == edited
    assert parse_text(edited) == parse_text(text) | {"n": 0}


def test_several_new_members_come_in_their_order() -> None:
    """A value that is an object or a list takes the lines that it needs."""
    text = edit_object('{\n\t"a": 1\n}\n', {"c": {"x": [1], "y": {}}, "b": None})
    assert text == dedent("""\
        {
        \t"a": 1,
        \t"c": {
        \t\t"x": [
        \t\t\t1
        \t\t],
        \t\t"y": {}
        \t},
        \t"b": null
        }
        """)


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ('{"x": 1}', "{}"),
        ('{ "x": 1 }', "{}"),
        ('{\n  "x": 1\n}', "{}"),
        ('{\n  "x": 1 // c\n}', "{\n  // c\n}"),
        ('{"x":1,"a":2}', '{"a":2}'),
        ('{"x": 1, "a": 2}', '{"a": 2}'),
        ('{"a": 2, "x": 1}', '{"a": 2}'),
        ('{ "a": 2, "x": 1 }', '{ "a": 2 }'),
        ('{"a": 2, "x": 1,}', '{"a": 2,}'),
        ('{"a": 2, "x": {"x": [1, "}"]}, "b": 3}', '{"a": 2, "b": 3}'),
        ('{"x": 0, "a": 2, "\\u0078": 1}', '{"a": 2}'),
        ('{"x": 0, "x": 1}', "{}"),
        ('{\n  "x": 1,\n  "a": 2\n}', '{\n  "a": 2\n}'),
        ('{\n  "a": 2,\n  "x": 1\n}', '{\n  "a": 2\n}'),
        ('{\n  "a": 2,\n  "x": 1,\n}', '{\n  "a": 2,\n}'),
        ('{\r\n  "a": 2,\r\n  "x": 1\r\n}', '{\r\n  "a": 2\r\n}'),
        ('{\n  "a": 2, // c\n  "x": [\n    1\n  ]\n}', '{\n  "a": 2 // c\n}'),
        ('{\n  // c\n  "x": 1, // d\n  "a": 2\n}', '{\n  // c\n  // d\n  "a": 2\n}'),
        ('{\n  "a": 2\n  , "x": 1\n}', '{\n  "a": 2\n}'),
        ('{\n  "x": 1\n  , "a": 2\n}', '{\n  "a": 2\n}'),
        ('{\n  "x": 1 /* c */, "a": 2\n}', '{\n  /* c */ "a": 2\n}'),
        ('{\n  "a": 2, "x": 1\n}', '{\n  "a": 2\n}'),
    ],
)
def test_a_removed_member_takes_comma_and_line_with_it(text: str, edited: str) -> None:
    """All of that name go; comments around them stay."""
    assert edit_object(text, {"x": GONE}) == edited
    left = parse_text(text)
    del left["x"]
    assert parse_text(edited) == left


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a":1}',
        '{"a": 1,}',
        "{}",
        "{}\n",
        '{\n  "a": 1\n}\n',
        '{\n\t"a": 1, // c\n}\n',
        '{\r\n  "a": 1 // c\r\n  /* d */\r\n}',
    ],
)
def test_what_was_added_can_be_taken_out_without_a_trace(text: str) -> None:
    """To the byte."""
    members = {"n": {"x": 1}, "m": "é"}
    assert edit_object(edit_object(text, members), dict.fromkeys(members, GONE)) == text


def test_all_at_once() -> None:
    """A member is set, two are removed and one is added, in a file as people keep them."""
    text = """\
        \ufeff// my settings
        {
          "theme": "Default", // not "Dark"

          "apiKey": "old",
          "big": 12345678901234567890,
          "apiKey": "older",
          /* "modelName": "x", */
          "modelName": "m" // the fast one
        }
    """
    members = {"apiKey": GONE, "theme": "Light", "modelName": GONE, "baseUrl": "http://h"}
    assert edit_object(dedent(text), members) == dedent("""\
        \ufeff// my settings
        {
          "theme": "Light", // not "Dark"

          "big": 12345678901234567890,
          /* "modelName": "x", */
          // the fast one
          "baseUrl": "http://h"
        }
    """)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"a": 1', '{"a" 1}', '{"a": 1} {}', "{/*}"])
def test_what_is_no_object_is_refused(text: str) -> None:
    """As it is when it is read."""
    with pytest.raises(ValueError, match=r".+"):
        edit_object(text, {"a": 1})


def test_comments_that_never_end_are_refused_at_once() -> None:
    """However many begin."""
    begin = time.monotonic()
    with pytest.raises(ValueError, match="Expecting"):
        edit_object("{" + "/* " * 300_000 + "}", {"a": 1})
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    """Other readers of the file would not understand it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        edit_object("{}", {"a": number})


@pytest.mark.parametrize(
    "text",
    [
        "{" + '"x":1,' * 40_000 + '"a":1}',
        '{"a":' + "[" * 400 + "]" * 400 + "}",
        "{" + "/* c */" * 100_000 + "}",
        "{" + "\n" * 500_000 + "}",
    ],
)
def test_a_large_file_does_not_take_long(text: str) -> None:
    """Nor one of many members, comments or levels."""
    begin = time.monotonic()
    assert parse_text(edit_object(text, {"x": GONE, "n": 1}))["n"] == 1
    assert time.monotonic() - begin < 5
