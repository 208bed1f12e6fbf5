"""When pieces of an answer came: what is noted can be read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.pacing import MAX_PIECES, Pacing, Piece, parse_pacing

pieces_of_any_kind = st.lists(
    st.tuples(st.integers(0, 10_000_000), st.integers(0, 1 << 20)), max_size=50
)


@given(pieces_of_any_kind)
def test_what_was_noted_is_read_again(noted: list[tuple[int, int]]) -> None:
    """To a tenth of a millisecond, and each byte."""
    now = 5.0
    pacing = Pacing(now)
    for tenths, length in noted:
        now += tenths / 10_000
        pacing.note(now, length)
    read = parse_pacing(pacing.render())
    assert [piece.length for piece in read] == [length for _, length in noted]
    for piece, (tenths, _) in zip(read, noted, strict=True):
        assert piece.pause == pytest.approx(tenths / 10_000, abs=0.0001)


def test_a_stream_of_endless_pieces_is_noted_in_bounds() -> None:
    """No byte is lost: what is not noted by itself is part of the last piece."""
    pacing = Pacing(0)
    for number in range(MAX_PIECES + 10):
        pacing.note(number, 2)
    read = parse_pacing(pacing.render())
    assert len(read) == MAX_PIECES
    assert sum(piece.length for piece in read) == 2 * (MAX_PIECES + 10)
    assert read[-1] == Piece(1, 22)


@pytest.mark.parametrize("text", ["", "a", "1.0", "1.0+", "x+1", "1+x", "nan+1", "-1+1", "1+-1"])
def test_what_is_no_pacing_is_none(text: str) -> None:
    """A flow file can come from anywhere."""
    assert parse_pacing(text) == ()
