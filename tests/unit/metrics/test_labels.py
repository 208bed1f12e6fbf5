"""What clients and upstreams call things, as labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.metrics.labels import MAX_LENGTH, OTHER, Labels


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("glm-4.7", "glm-4.7"),
        ("模型", "模型"),
        ("a\nb\x1b[31m", "a?b?[31m"),
        ("\ud800", "?"),
        ("x" * 5000, "x" * MAX_LENGTH),
        ("", ""),
    ],
)
def test_a_value_becomes_a_label_that_can_be_read(value: str, label: str) -> None:
    """Without what no terminal shows, and no longer than a line."""
    assert Labels(10).admit(value) == label


def test_a_value_that_was_not_admitted_is_other() -> None:
    """Once it is admitted it has its own label, also for who does not admit it."""
    labels = Labels(10)
    assert labels.find("m") == OTHER
    assert labels.admit("m") == labels.find("m") == "m"


@given(values=st.lists(st.text(max_size=200), max_size=60))
def test_there_are_never_more_labels_than_allowed(values: list[str]) -> None:
    """And the first keep theirs for good."""
    labels = Labels(5)
    given_out = [labels.admit(value) for value in values]
    assert len(set(given_out) - {OTHER, ""}) <= 5
    assert [labels.find(value) for value in values] == given_out
