"""When which bytes of a recorded answer are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.pacing import Piece
from iflow_relay.recording.schedule import Due, make_schedule

PIECES = (Piece(0.5, 2), Piece(0.25, 1), Piece(0.0, 1), Piece(1.0, 2))


@pytest.mark.parametrize(
    ("speed", "due"),
    [
        (1, (Due(0.5, b"ab"), Due(0.75, b"cd"), Due(1.75, b"ef"))),
        (2, (Due(0.25, b"ab"), Due(0.375, b"cd"), Due(0.875, b"ef"))),
        (0.5, (Due(1.0, b"ab"), Due(1.5, b"cd"), Due(3.5, b"ef"))),
        (0, (Due(0, b"abcdef"),)),
    ],
)
def test_pieces_keep_their_pauses(speed: float, due: tuple[Due, ...]) -> None:
    """In proportion to the speed; what comes at once is one piece."""
    assert make_schedule(b"abcdef", PIECES, speed) == due


def test_an_answer_without_a_body_is_due_as_well() -> None:
    """Its head has to go out at some time."""
    assert make_schedule(b"", (), 1) == (Due(0, b""),)
    assert make_schedule(b"", (Piece(2.0, 0),), 2) == (Due(1.0, b""),)


@given(
    st.binary(max_size=30),
    st.lists(st.builds(Piece, st.floats(0, 10), st.integers(0, 8)), max_size=8),
    st.sampled_from([0, 0.1, 1, 3.7]),
)
def test_every_byte_goes_out_once(body: bytes, pieces: list[Piece], speed: float) -> None:
    """Whatever the pieces say of the body, in its order, and never back in time."""
    schedule = make_schedule(body, pieces, speed)
    assert b"".join(due.data for due in schedule) == body
    moments = [due.at for due in schedule]
    assert moments == sorted(set(moments))
