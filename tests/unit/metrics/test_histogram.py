"""Times in ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.metrics.histogram import ADDED, DURATION, FIRST_TOKEN, Histogram


def test_a_time_counts_for_each_bound_that_it_does_not_exceed() -> None:
    """A bound belongs to its range."""
    histogram = Histogram((1, 2))
    for seconds in (0, 1, 1.5, 2, 2.1):
        histogram.add(seconds)
    assert histogram.cumulated() == (2, 4, 5)
    assert histogram.sum == pytest.approx(6.6)


@given(times=st.lists(st.floats(0, 1e6)))
@pytest.mark.parametrize("bounds", [FIRST_TOKEN, DURATION, ADDED])
def test_each_count_is_that_of_the_times_up_to_its_bound(
    bounds: tuple[float, ...], times: list[float]
) -> None:
    """The last is of all."""
    histogram = Histogram(bounds)
    for seconds in times:
        histogram.add(seconds)
    told = tuple(sum(seconds <= bound for seconds in times) for bound in bounds)
    assert histogram.cumulated() == (*told, len(times))


@pytest.mark.parametrize("bounds", [FIRST_TOKEN, DURATION, ADDED])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    """Each range begins where the one before it ends."""
    assert list(bounds) == sorted(set(bounds))
