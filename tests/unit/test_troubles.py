"""The last errors, and no more of them."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.troubles import Trouble, Troubles


@given(st.lists(st.integers(400, 599)), st.integers(1, 5))
def test_the_newest_are_kept_and_come_first(statuses: list[int], limit: int) -> None:
    """However many there were."""
    troubles = Troubles(limit)
    for when, status in enumerate(statuses):
        troubles.add(status, "code", "words", float(when))
    newest = list(reversed([(float(when), status) for when, status in enumerate(statuses)]))
    assert [(t.when, t.status) for t in troubles] == newest[:limit]
    assert list(troubles[:2]) == list(troubles)[:2]
    assert len(troubles) == min(limit, len(statuses))


def test_an_error_without_a_time_is_one_of_now() -> None:
    """Whoever adds it has met it just now."""
    troubles = Troubles()
    before = time.time()
    troubles.add(502, "upstream_unreachable", "No way there.")
    assert troubles[0] == Trouble(troubles[0].when, 502, "upstream_unreachable", "No way there.")
    assert before <= troubles[0].when <= time.time()
