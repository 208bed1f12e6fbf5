"""What is counted of a call."""

from __future__ import annotations

import pytest

from iflow_relay.metrics.labels import OTHER
from iflow_relay.metrics.tallies import MAX_CODES, MAX_MODELS, Outcome, Tallies, Tokens

CHAT = Outcome("chat", 200, 2.0, "m", answered=True)


def test_a_call_counts_by_route_model_and_status() -> None:
    """Each once."""
    tallies = Tallies()
    for outcome in (CHAT, CHAT, Outcome("health", 200, 0.001), Outcome("chat", 0, 1.0)):
        tallies.add(outcome)
    assert tallies.requests == {
        ("chat", "m", "200"): 2,
        ("health", "", "200"): 1,
        ("chat", "", "none"): 1,
    }


def test_a_model_gets_its_label_by_an_answer() -> None:
    """What was refused here, or there, may be made up; a model that is known keeps its name."""
    tallies = Tallies()
    refused = CHAT._replace(status=404, answered=False, error="model_not_found")
    for outcome in (refused, CHAT, refused):
        tallies.add(outcome)
    assert tallies.requests == {
        ("chat", OTHER, "404"): 1,
        ("chat", "m", "200"): 1,
        ("chat", "m", "404"): 1,
    }


def test_made_up_names_do_not_fill_the_memory() -> None:
    """Neither of models nor of an upstream's own errors."""
    tallies = Tallies()
    for number in range(300):
        said = CHAT._replace(model=f"m{number}", error=f"e{number}", first_token=0.1)
        tallies.add(said._replace(tokens=Tokens(1, 1)))
    assert len(tallies.requests) == len(tallies.tokens) == MAX_MODELS + 1
    assert len(tallies.first_token) == MAX_MODELS + 1
    assert len(tallies.errors) == MAX_CODES + 1
    assert tallies.requests["chat", OTHER, "200"] == 300 - MAX_MODELS


def test_tokens_are_added_up_by_model() -> None:
    """What nobody counted adds nothing, and gives no model a row of noughts."""
    tallies = Tallies()
    for tokens in (Tokens(10, 5, 4, 2), Tokens(1, 2), Tokens()):
        tallies.add(CHAT._replace(tokens=tokens))
    tallies.add(CHAT._replace(model="n"))
    assert tallies.tokens == {"m": [11, 7, 4, 2]}


def test_no_count_ever_falls() -> None:
    """Whatever an upstream says that it has counted: Prometheus takes that for a restart."""
    tallies = Tallies()
    for tokens in (Tokens(10, 5, 4, 2), Tokens(-3, 1, -1, -1)):
        tallies.add(CHAT._replace(tokens=tokens))
    assert tallies.tokens == {"m": [10, 6, 4, 2]}


@pytest.mark.parametrize(
    ("status", "begun"), [(200, True), (206, True), (429, False), (502, False), (0, False)]
)
def test_an_error_within_a_stream_is_told_apart(status: int, begun: bool) -> None:
    """Its status was sent before it came."""
    tallies = Tallies()
    tallies.add(CHAT._replace(status=status, error="upstream_broken"))
    assert tallies.errors == {"upstream_broken": 1}
    assert tallies.stream_errors == ({"upstream_broken": 1} if begun else {})


def test_times_go_where_they_belong() -> None:
    """First token by model, duration by route; what the relay took only where it is known."""
    tallies = Tallies()
    tallies.add(CHAT._replace(first_token=0.5, own=0.0002))
    tallies.add(CHAT._replace(own=None))
    tallies.add(Outcome("models", 200, 0.01, own=0.0))
    assert tallies.first_token["m"].sum == 0.5
    assert {route: times.sum for route, times in tallies.duration.items()} == {
        "chat": 4.0,
        "models": 0.01,
    }
    assert tallies.added.cumulated()[-1] == 1


def test_a_scrape_is_no_call() -> None:
    """It counts as a request, and has no place among the durations."""
    tallies = Tallies()
    tallies.add_scrape("metrics", 200)
    assert tallies.requests == {("metrics", "", "200"): 1}
    assert not tallies.duration
