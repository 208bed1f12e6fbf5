"""What is shown holds no key, and nothing that a terminal would obey."""

from __future__ import annotations

import pytest

from iflow_relay.credential import Secret
from iflow_relay.doctor.cleaning import MAX_TEXT, clean, clean_text
from iflow_relay.doctor.parts import Line
from iflow_relay.doctor.verdict import ok, warning

KEY = Secret("sk-0123456789abcdef")


def test_a_key_is_masked_wherever_it_stands() -> None:
    """In what was found and in the advice; the rest is as it was."""
    key = KEY.reveal()
    [line] = clean([Line("part", warning("x", f"refused: {key}", f"use {key}"))], [KEY])
    assert line == Line("part", warning("x", "refused: sk-…cdef", "use sk-…cdef"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\tc", "a b c"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred [0m"),
        ("河流 …", "河流 …"),
        ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT + "…"),
    ],
)
def test_a_text_is_one_line(text: str, shown: str) -> None:
    """An upstream may say what it wants."""
    assert clean_text(text, []) == shown


def test_without_keys_a_line_stays_as_it_is() -> None:
    """Nothing to mask, nothing to cut."""
    line = Line("part", ok("x", "fine"))
    assert list(clean([line], [])) == [line]
