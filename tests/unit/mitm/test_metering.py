"""What is counted of a call that has ended."""

from __future__ import annotations

import pytest

from iflow_relay.dialects.chat import Usage
from iflow_relay.metrics.tallies import Outcome, Tokens
from iflow_relay.mitm.call import Call, Ended
from iflow_relay.mitm.metering import outcome
from iflow_relay.routing import Kind, Route

CALL = Call(Route(Kind.CHAT, "/chat/completions"), asked="gpt-4o", run="glm-4.7", own=0.0002)
ENDED = Ended(CALL, 200, None, Usage(10, 20, 4, None), 0.5, 1.5, "curl")


def test_a_call_is_counted_by_the_model_that_ran() -> None:
    """With its times and tokens; not by what it was asked for, nor by whom."""
    assert outcome(ENDED) == Outcome(
        route="chat",
        status=200,
        duration=1.5,
        model="glm-4.7",
        answered=True,
        error=None,
        tokens=Tokens(10, 20, 4, None),
        first_token=0.5,
        own=0.0002,
    )


@pytest.mark.parametrize(
    ("status", "error", "answered"),
    [
        (200, "upstream_broken", True),
        (0, "client_disconnected", False),
        (404, "model_not_found", False),
        (502, "upstream_unreachable", False),
    ],
)
def test_only_an_answer_shows_that_there_is_such_a_model(
    status: int, error: str, answered: bool
) -> None:
    """A stream that broke had begun."""
    found = outcome(ENDED._replace(status=status, error=error))
    assert (found.answered, found.error) == (answered, error)
