"""The last lines that a program said, for whoever is told of its end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.agent.lastwords import MAX_LINE, SHOWN, LastWords, Mask

ENVIRON = {
    "OPENAI_API_KEY": "key-value-1",
    "MY_TOKEN": "key-value-12",
    "DB_PASSWORD": "hunter22",
    "SHORT_KEY": "abc",
    "HOME": "/home-folder",
}


def words_of(*pieces: bytes) -> str:
    words = LastWords(Mask(ENVIRON))
    for piece in pieces:
        words.feed(piece)
    return words.tell()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_it_does_not_matter_how_the_bytes_come(data: bytes, cuts: list[int]) -> None:
    """Any cutting gives the same lines."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert words_of(*pieces) == words_of(data)


def test_only_the_last_lines_are_told() -> None:
    """Also one that has no end yet; empty ones do not count."""
    data = b"".join(b"line %d\n\n" % number for number in range(100)) + b"open"
    lines = words_of(data).split("\n")
    assert len(lines) == SHOWN
    assert lines[-2:] == ["line 99", "open"]


def test_megabytes_without_a_line_end_are_not_kept() -> None:
    """The beginning of a line says what it is about."""
    text = words_of(*([b"x" * 65536] * 100))
    assert text == "x" * MAX_LINE


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("key-value-1", "…"),
        ("key-value-12", "key-…e-12"),
        ("with hunter22 in it", "with … in it"),
        ("abc /home-folder", "abc /home-folder"),
        ("sk-0123456789abcdef", "sk-…cdef"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer …mnop"),
        ("ghp_0123456789abcdef", "…cdef"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "….abc"),
        ("ask-no-one", "ask-no-one"),
        ("\x1b[31mred\x1b[0m\x07\r", "red"),
        ("\xff", "\xff"),
    ],
)
def test_keys_are_masked_and_control_letters_are_gone(said: str, told: str) -> None:
    """Values of variables that are named like keys, and what looks like one."""
    assert words_of(said.encode()) == told


def test_a_key_that_is_cut_is_masked() -> None:
    """The line is cut after it was masked."""
    said = "x" * (MAX_LINE - 5) + " sk-0123456789abcdef"
    assert "0123" not in words_of(said.encode())
