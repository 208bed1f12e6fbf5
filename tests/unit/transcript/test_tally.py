"""The table of events: how many, in which order, and when they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.pacing import Piece
from iflow_relay.transcript.reading import read_answer
from iflow_relay.transcript.rendering import render_answer
from iflow_relay.transcript.stream import find_ends, read_events
from iflow_relay.transcript.tally import find_arrivals
from iflow_relay.transcript.values import Timing

WORD = '{"choices":[{"delta":{"content":"wörd 🌊"}}]}'
STREAM = f"data: {WORD}\n\ndata: {WORD}\n\n: quiet\n\ndata: {WORD}\n\ndata: [DONE]\n\n".encode()
ENDS = find_ends(STREAM)


def cut(*pauses_and_ends: tuple[float, int]) -> list[Piece]:
    """Pieces of the stream that end there."""
    begins = [0, *(end for _, end in pauses_and_ends)]
    return [
        Piece(pause, end - begin)
        for (pause, end), begin in zip(pauses_and_ends, begins, strict=False)
    ]


def test_each_event_came_with_the_piece_that_ends_it() -> None:
    """The first two at once, the third in two pieces, the last after a long wait."""
    pieces = cut((0.5, ENDS[1]), (0.1, ENDS[2] + 9), (0.2, ENDS[3]), (2.0, ENDS[4]))
    told = read_answer(STREAM, pieces=pieces)
    words, done = (row.timing for row in told.events)
    assert words == pytest.approx(Timing(0.5, 0.8, 0.3, 3))
    assert done == pytest.approx(Timing(2.8, 2.8, 2.0, 4))
    lines = render_answer(told).splitlines()
    assert lines[-1] == "longest gap: 2.000 s, before event 4"
    assert lines[-2].split() == ["all", "4", "1", "4", "162", "0.500", "2.800", "2.000"]


def test_events_that_all_came_at_once_have_no_gap() -> None:
    """A dash, and no line about the longest."""
    text = render_answer(read_answer(STREAM, pieces=[Piece(1.0, len(STREAM))]))
    assert text.splitlines()[-1].split()[-3:] == ["1.000", "1.000", "-"]


@pytest.mark.parametrize("pieces", [[], [Piece(1.0, 5)], [Piece(1.0, len(STREAM) + 1)]])
def test_without_times_of_this_body_none_are_shown(pieces: list[Piece]) -> None:
    """Also where they are those of another: a body may have been edited since."""
    told = read_answer(STREAM, pieces=pieces)
    assert [row.timing for row in told.events] == [None, None]
    assert "gap" not in render_answer(told)


SOUP = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"data: {}", b"data:", b": c", "é".encode(), b"\xff"]),
    max_size=20,
).map(b"".join)


@given(SOUP, st.lists(st.tuples(st.floats(0, 9), st.integers(0, 9))))
def test_every_part_has_an_end_and_a_time(body: bytes, steps: list[tuple[float, int]]) -> None:
    """However a body is cut, and whatever ends its lines."""
    rest = len(body)
    pieces = []
    for pause, length in steps:
        pieces.append(Piece(pause, min(length, rest)))
        rest -= pieces[-1].length
    pieces.append(Piece(1.0, rest))
    ends = find_ends(body)
    text = body.decode("utf-8", "replace")
    parts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
    assert len(ends) == len(parts)
    assert ends == sorted(ends)
    assert ends[-1] == len(body)
    arrivals = find_arrivals(body, pieces)
    assert arrivals == sorted(arrivals)
    assert len(arrivals) == len(parts)
    assert all(event.part < len(parts) for event in read_events(text))
