"""What holds of every edit of every object, however its text looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from iflow_relay.jsonedit import GONE, edit_object
from iflow_relay.jsontext import parse_text

NOISE = st.sampled_from(
    [
        *("", "", "", " ", "\n", "\r\n", "\n  ", "\r\n\t"),
        *(' // } , " \n', "// x: [\r\n  ", "//\n", " // \r x\n\t"),
        *("/**/", "/* { */ ", ' /* " : \n */', "/*//*/"),
    ]
)
NAMES = st.sampled_from(
    [
        *('"a"', '"b"', '"\\u0061"', '"api\\u004bey"', '"apiKey"', '"//"', '"/*"'),
        *('"\\""', '"é"', '""', '"\\ud800"', '"\\\\"', '"x, y: {"'),
    ]
)
VALUES = st.sampled_from(
    [
        *("1", "1.0", "1e3", "-0", "0.10", "12345678901234567890", "null", "true", "NaN"),
        *("{}", "[]", "[1, /* ] */ 2 ,]", '{"a": 1, // }\n}', '{"a": {"a": [{}]}}'),
        *('"x"', '"\\u00e9,}"', '"// \\\\"', '"/* \\" */"', '"\u2028"', '"\\ud83d"'),
    ]
)
GIVEN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["\ud800", "// x", '"}', 1, 1.0, 1000]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


class Member(NamedTuple):
    """A member as it is written, with the noise before each of its parts and behind the last."""

    name: str
    value: str
    noise: tuple[str, str, str, str]

    @property
    def core(self) -> str:
        """From the name to the end of the value."""
        return f"{self.name}{self.noise[1]}:{self.noise[2]}{self.value}"

    @property
    def text(self) -> str:
        """All of it."""
        return self.noise[0] + self.core + self.noise[3]


class Text(NamedTuple):
    """An object as it is written."""

    before: str
    members: tuple[Member, ...]
    inside: str
    trailing: bool
    behind: str

    @property
    def text(self) -> str:
        """All of it."""
        comma = "," if self.trailing and self.members else ""
        inside = ",".join(member.text for member in self.members) + comma + self.inside
        return f"{self.before}{{{inside}}}{self.behind}"


TEXTS = st.builds(
    Text,
    st.builds(str.__add__, st.sampled_from(["", "\ufeff"]), NOISE),
    st.lists(st.builds(Member, NAMES, VALUES, st.tuples(*[NOISE] * 4)), max_size=6).map(tuple),
    NOISE,
    st.booleans(),
    NOISE,
)
EDITS = st.dictionaries(
    NAMES.map(json.loads) | st.text(max_size=2), st.just(GONE) | GIVEN, max_size=4
)


def edited(document: dict[str, Any], members: dict[str, Any]) -> dict[str, Any]:
    """What the members make of a document; new ones come last."""
    merged = {name: value for name, value in (document | members).items() if value is not GONE}
    kept = {name: merged[name] for name in document if name in merged}
    return kept | merged


def find_in_order(text: str, pieces: Sequence[str]) -> bool:
    """Whether the text has all of these, one behind the other."""
    position = 0
    for piece in pieces:
        position = text.find(piece, position) + len(piece)
        if position < len(piece):
            return False
    return True


def comments(noise: str) -> list[str]:
    """The comment in a piece of noise."""
    stripped = noise.strip("\r\n\t ") if "//" not in noise else noise.strip(" \t").rstrip("\r\n\t ")
    return [stripped] if stripped else []


@settings(max_examples=400, deadline=None)
@given(TEXTS, EDITS)
def test_an_edit_changes_what_it_should_and_nothing_else(
    text: Text, members: dict[str, Any]
) -> None:
    """The document is the edited one; what was not to be changed is there to the byte, in order."""
    document = parse_text(text.text)
    result = edit_object(text.text, members)
    wanted = edited(document, members)
    assert json.dumps(parse_text(result)) == json.dumps(wanted)

    last = {json.loads(member.name): member for member in text.members}
    pieces = comments(text.before.removeprefix("\ufeff"))
    for member in text.members:
        name = json.loads(member.name)
        pieces += comments(member.noise[0])
        if name not in members or (members[name] is not GONE and member is not last[name]):
            pieces.append(member.core)
        elif members[name] is not GONE:
            pieces.append(f"{member.name}{member.noise[1]}:{member.noise[2]}")
        pieces += comments(member.noise[3])
    assert find_in_order(result, [*pieces, *comments(text.inside), *comments(text.behind)])
    assert result.startswith(text.before + "{")
    assert result.endswith("}" + text.behind)


@settings(max_examples=400, deadline=None)
@given(TEXTS, EDITS)
def test_a_second_edit_of_the_same_kind_changes_nothing(
    text: Text, members: dict[str, Any]
) -> None:
    """Nor does the first where all is as it should be."""
    once = edit_object(text.text, members)
    assert edit_object(once, members) == once
    assert edit_object(text.text, parse_text(text.text)) == text.text


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.data())
def test_one_value_is_replaced_where_it_stands(text: Text, data: st.DataObject) -> None:
    """All before and all behind it stays."""
    if not text.members:
        return
    names = [json.loads(member.name) for member in text.members]
    index = data.draw(st.integers(0, len(names) - 1))
    if names[index] in names[index + 1 :]:
        return
    member = text.members[index]
    spot = member._replace(value="\0")
    cut = text._replace(members=(*text.members[:index], spot, *text.members[index + 1 :]))
    before, behind = cut.text.split("\0")
    new = {"fresh": [1]} if member.value != "[]" else 0
    result = edit_object(text.text, {names[index]: new})
    assert result.startswith(before)
    assert result.endswith(behind)
    assert json.loads(result[len(before) : len(result) - len(behind)]) == new


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), GIVEN, min_size=1, max_size=5),
    st.sampled_from([None, 2, 4, "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.dictionaries(st.text(max_size=3), GIVEN, max_size=4),
)
def test_what_is_added_to_a_tidy_file_can_be_taken_out_without_a_trace(
    document: dict[str, Any], indent: int | str | None, newline: str, added: dict[str, Any]
) -> None:
    """To the byte; and the file with the additions is as tidy as before."""
    added = {name: value for name, value in added.items() if name not in document}
    text = json.dumps(document, indent=indent).replace("\n", newline)
    more = edit_object(text, added)
    assert json.loads(more) == document | added
    assert edit_object(more, dict.fromkeys(added, GONE)) == text


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=12) | st.text(alphabet='{}[]":,/*\\ \n1a', max_size=16), EDITS)
def test_what_is_no_object_is_refused_and_nothing_else_fails(
    text: str, members: dict[str, Any]
) -> None:
    """An edit knows the same texts as whoever reads them."""
    try:
        document = parse_text(text)
    except ValueError:
        document = None
    try:
        result = edit_object(text, members)
    except ValueError:
        assert not isinstance(document, dict)
    else:
        assert json.dumps(parse_text(result)) == json.dumps(edited(document, members))
