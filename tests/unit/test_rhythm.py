"""When a key is renewed, and how long the pauses between tries are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.rhythm import MARGIN, MAX_PAUSE, MIN_PAUSE, is_due, pause_after

HOUR = 3600.0


@pytest.mark.parametrize(
    ("left", "lifetime", "due"),
    [
        (25 * HOUR, None, False),
        (24 * HOUR, None, False),
        (24 * HOUR - 1, None, True),
        (0, None, True),
        (-HOUR, None, True),
        (25 * HOUR, 7 * MARGIN, False),
        (23 * HOUR, 7 * MARGIN, True),
        (1.1 * HOUR, 2 * HOUR, False),
        (0.9 * HOUR, 2 * HOUR, True),
    ],
)
def test_a_key_is_renewed_a_day_before_its_end(
    left: float, lifetime: float | None, due: bool
) -> None:
    """One that lives shorter than that would else be renewed all the time: at half its life."""
    assert is_due(1000 + left, 1000, lifetime) is due


def test_a_key_without_an_end_is_never_due() -> None:
    """Only an upstream's refusal tells that it is over."""
    assert not is_due(None, 1000, None)


@given(failures=st.integers(1, 10_000), spread=st.floats(0, 1))
def test_pauses_grow_and_are_bounded(failures: int, spread: float) -> None:
    """Each is about twice the one before, up to five minutes, and no two relays keep step."""
    pause = pause_after(failures, spread)
    assert MIN_PAUSE * 0.75 <= pause <= MAX_PAUSE * 1.25
    assert pause_after(failures + 1, spread) >= pause
    assert pause_after(failures, 0) < pause_after(failures, 1)
