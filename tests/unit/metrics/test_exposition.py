"""The formats in which metrics are told, read by prometheus_client's own parsers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from iflow_relay.metrics.exposition import expose
from iflow_relay.metrics.families import Present, families
from iflow_relay.metrics.tallies import Outcome, Tallies, Tokens

BEGAN = 1_700_000_000.0
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=0.0.4;q=0.4,*/*;q=0.1"
)
PRESENT = Present(
    version="1.2.3",
    in_flight=2,
    waiting=1,
    connections={"tunnelled": 3, "intercepted": 4},
    refreshes={"renewed": 1, "failed": 0, "refused": 0},
)
Parse = Callable[[str], Iterable[Metric]]


def make_tallies() -> Tallies:
    """Two calls: one answered, whose name needs escaping; one refused."""
    tallies = Tallies()
    tallies.add(
        Outcome(
            "chat",
            200,
            2.0,
            'a "b" \\c 模型',
            answered=True,
            tokens=Tokens(10, 5, 4, 2),
            first_token=0.5,
            own=0.0002,
        )
    )
    tallies.add(Outcome("chat", 429, 0.1, "m", error="rate_limited"))
    return tallies


def read(text: str, parse: Parse) -> dict[tuple[str, str], float]:
    """Each sample by its name and its labels' values."""
    samples = [sample for metric in parse(text) for sample in metric.samples]
    return {(s.name, ",".join(s.labels.values())): s.value for s in samples}


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", parse_plain),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", parse_plain),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0", parse_open),
        (PROMETHEUS, "application/openmetrics-text; version=1.0.0", parse_open),
    ],
)
def test_the_scraper_chooses_the_format(accept: str, content_type: str, parse: Parse) -> None:
    """The same values in each, under names that Prometheus takes."""
    told = expose(families(make_tallies(), PRESENT), accept, BEGAN)
    assert told.content_type.startswith(content_type)
    found = read(told.body.decode(), parse)
    model = 'a "b" \\c 模型'
    for name, labels, value in (
        ("iflow_relay_requests_total", f"{model},chat,200", 1),
        ("iflow_relay_requests_total", "other,chat,429", 1),
        ("iflow_relay_tokens_total", f"prompt,{model}", 10),
        ("iflow_relay_tokens_total", f"completion,{model}", 5),
        ("iflow_relay_tokens_total", f"cached,{model}", 4),
        ("iflow_relay_tokens_total", f"reasoning,{model}", 2),
        ("iflow_relay_errors_total", "rate_limited", 1),
        ("iflow_relay_first_token_seconds_count", model, 1),
        ("iflow_relay_first_token_seconds_sum", model, 0.5),
        ("iflow_relay_request_duration_seconds_count", "chat", 2),
        ("iflow_relay_added_latency_seconds_sum", "", 0.0002),
        ("iflow_relay_requests_in_flight", "", 2),
        ("iflow_relay_queue_waiting", "", 1),
        ("iflow_relay_connections_total", "tunnelled", 3),
        ("iflow_relay_connections_total", "intercepted", 4),
        ("iflow_relay_credential_refreshes_total", "renewed", 1),
        ("iflow_relay_credential_refreshes_total", "refused", 0),
        ("iflow_relay_build_info", "1.2.3", 1),
    ):
        assert found[name, labels] == value, (name, labels)
    assert not [name for name, _ in found if name.startswith("iflow_relay_stream_errors")]


def test_ranges_are_told_with_their_bounds() -> None:
    """Rising to the count of all."""
    told = expose(families(make_tallies(), PRESENT), "", BEGAN).body.decode()
    samples = [s for m in parse_plain(told) for s in m.samples if s.name.endswith("_bucket")]
    added = [(s.labels["le"], s.value) for s in samples if "added_latency" in s.name]
    assert added[:4] == [("5e-05", 0), ("0.0001", 0), ("0.00025", 1), ("0.0005", 1)]
    assert added[-1] == ("+Inf", 1)


def test_since_when_there_is_counting_is_told_where_the_format_has_a_word_for_it() -> None:
    """In the older one it would be a metric of its own."""
    tallies = make_tallies()
    plain = expose(families(tallies, PRESENT), "", BEGAN).body.decode()
    assert "_created" not in plain
    wanted = expose(families(tallies, PRESENT), PROMETHEUS, BEGAN).body.decode()
    found = read(wanted, parse_open)
    created = {name for name, _ in found if name.startswith("iflow_") and "_created" in name}
    assert "iflow_relay_tokens_created" in created
    assert "iflow_relay_added_latency_seconds_created" in created
    assert {found[key] for key in found if key[0] in created} == {BEGAN}


@pytest.mark.parametrize("parse", [parse_plain, parse_open])
def test_a_relay_that_has_done_nothing_tells_so(parse: Parse) -> None:
    """Every metric is there, so that a query finds it from the start."""
    accept = PROMETHEUS if parse is parse_open else ""
    told = expose(families(Tallies(), PRESENT), accept, BEGAN).body.decode()
    names = {metric.name for metric in parse(told)}
    assert {
        "iflow_relay_requests",
        "iflow_relay_tokens",
        "iflow_relay_errors",
        "iflow_relay_stream_errors",
        "iflow_relay_first_token_seconds",
        "iflow_relay_request_duration_seconds",
        "iflow_relay_added_latency_seconds",
    } <= names
    assert read(told, parse)["iflow_relay_added_latency_seconds_count", ""] == 0


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=abc",
        'application/openmetrics-text; version="1.0.0"',
        "application/openmetrics-text; version=2.é",
        "text/plain; version=.",
        "text/html, =;;,,",
    ],
)
def test_a_wish_that_makes_no_sense_gets_the_plain_format(accept: str) -> None:
    """A scraper that is a browser, or mistaken."""
    told = expose(families(make_tallies(), PRESENT), accept, BEGAN)
    assert told.content_type == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells it on Linux alone")
def test_the_process_tells_of_its_memory() -> None:
    """Under the names that every exporter has."""
    told = expose(families(Tallies(), PRESENT), "", BEGAN).body.decode()
    found = read(told, parse_plain)
    assert found["process_resident_memory_bytes", ""] > 1_000_000
    assert found["process_start_time_seconds", ""] > 0


def test_a_relay_that_is_not_asked_does_not_load_the_format() -> None:
    """It costs memory and time, and most relays are never scraped."""
    code = (
        "import sys, iflow_relay.mitm.addons as a; a.make_addons();"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
