"""Rows on their way: none is lost that is not dropped, and none comes twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.made import row

from iflow_relay.ledger.waiting import Waiting

KEPT = 5


@given(st.lists(st.sampled_from(["put", "take", "settle", "put back"]), max_size=80))
def test_whatever_happens_each_row_is_written_or_dropped_or_waits(steps: list[str]) -> None:
    """In their order; where some are dropped they are the oldest."""
    waiting, written, dropped, number = Waiting(KEPT), [], 0, 0
    taken: list[str] = []
    for step in steps:
        if step == "put":
            waiting.put(row(str(number)))
            number += 1
        elif step == "take" and not taken:
            taken = [one.call for one in waiting.take()]
        elif step == "settle":
            written += taken
            dropped += waiting.settle()
            taken = []
        elif step == "put back":
            waiting.put_back([row(call) for call in taken])
            taken = []
        assert len(written) + dropped + waiting.lost == number
    waiting.put_back([row(call) for call in taken])
    left = [one.call for one in waiting.take()]
    assert len(left) <= KEPT
    found = written + left
    assert found == sorted(set(found), key=int)
    assert left == [str(n) for n in range(number)][number - len(left) :]


def test_once_it_is_closed_no_more_come() -> None:
    """What waits may be taken yet, until time is up."""
    waiting = Waiting()
    assert waiting.put(row("1"))
    waiting.close(60)
    assert not waiting.put(row("2"))
    assert waiting.wait_for_rows()
    assert not waiting.is_over
    assert [one.call for one in waiting.take()] == ["1"]
    assert not waiting.wait_for_rows()
    waiting.close(0)
    assert waiting.is_over
