"""Filters in mitmproxy's own language: what they let through and what they do not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import flowfilter
from mitmproxy.test import tflow

from iflow_relay.mitm.finding import at_least, slower_than, with_model


def matches(expression: str, **metadata: str | float) -> bool:
    """Whether a flow with these figures is shown; `_` stands for a dot in their names."""
    flow = tflow.tflow()
    flow.metadata |= {"iflow." + name.replace("_", "."): v for name, v in metadata.items()}
    return bool(flowfilter.match(expression, flow))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_from_one_on_are_found_as_text(number: int, least: int) -> None:
    """A filter of mitmproxy knows texts only."""
    assert bool(re.fullmatch(at_least(least), str(number))) is (number >= least)


@pytest.mark.parametrize(
    ("duration", "seconds", "shown"),
    [(4.999, 5, False), (5.0, 5, True), (61.2, 5, True), (0.001, 0, True), (0.5, 1, False)],
)
def test_slow_calls_are_shown(duration: float, seconds: int, shown: bool) -> None:
    """From so many whole seconds on."""
    assert matches(slower_than(seconds), duration=duration) is shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("glm-4.7", True), ("GLM", True), ("4.6", False), ('a"b', False), ("gpt", True), ("\\", True)],
)
def test_models_are_found_by_a_part_of_their_name(name: str, shown: bool) -> None:
    """Asked for or run, in letters of either case; odd letters break no filter."""
    assert matches(with_model(name), model="glm-4.7", model_asked="gpt-4o") is shown
