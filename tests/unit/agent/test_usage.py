"""Tokens of a turn."""

from __future__ import annotations

from typing import Any

import pytest

from iflow_relay.agent.usage import Usage, read_usage


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"usage": {"inputTokens": 1, "outputTokens": 2}}, Usage(1, 2)),
        (
            {
                "usage": {
                    "inputTokens": 1,
                    "outputTokens": 2,
                    "thoughtTokens": 3,
                    "cachedReadTokens": 4,
                }
            },
            Usage(1, 2, 3, 4),
        ),
        ({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}}, Usage(1, 2)),
        (
            {"usage": {"promptTokens": 1, "completionTokens": 2, "cachedTokens": 0}},
            Usage(1, 2, None, 0),
        ),
        ({"usage": {"inputTokens": 1}}, None),
        ({"usage": {"inputTokens": "1", "outputTokens": -2}}, None),
        ({"usage": 7}, None),
        ({}, None),
    ],
)
def test_usage_is_read_in_each_dialect(told: dict[str, Any], usage: Usage | None) -> None:
    """Half of it is none."""
    assert read_usage(told) == usage


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Usage(1, 2), Usage(3, 4), Usage(4, 6)),
        (Usage(1, 2, 3, None), Usage(1, 2, None, 4), Usage(2, 4, 3, 4)),
        (Usage(0, 0, 0, 0), Usage(1, 2, 3, 4), Usage(1, 2, 3, 4)),
    ],
)
def test_two_calls_of_a_model_add_up(one: Usage, other: Usage, both: Usage) -> None:
    """What only one of them counted is what it counted."""
    assert one.plus(other) == other.plus(one) == both
