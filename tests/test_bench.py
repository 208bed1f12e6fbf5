"""The bench: what it makes of samples, what it prints, and that it runs."""

from __future__ import annotations

import asyncio
import json
import math

import pytest
from scripts.bench_relay.__main__ import main, parse_arguments
from scripts.bench_relay.client import LoadError, read_head
from scripts.bench_relay.figures import FIGURES, judge, medians, percentile
from scripts.bench_relay.host import Cores
from scripts.bench_relay.runner import Measured, Plan, measure
from scripts.bench_relay.soak import Amount, Growth, soak
from scripts.bench_relay.systems import WATCHING
from scripts.bench_relay.tables import render, render_json
from scripts.bench_relay.tunnel import Amount as Downloads
from scripts.bench_relay.tunnel import measure_tunnels, ratios, render_rates, render_rates_json

SMALLEST = Plan(
    starts=1,
    rounds=1,
    paced_every=1,
    latency=0.05,
    requests=0.05,
    first_token=0.05,
    flat_out=0.05,
    words=20,
    paced_streams=4,
    paced_chunks=5,
    memory_streams=32,
)


def made_up() -> Measured:
    """Two rounds on a machine that was twice as slow in the second."""
    measured = Measured(Cores(frozenset({1}), frozenset({0})), rounds=2, seconds=12)
    for slow in (1, 2):
        measured.add("direct", {"latency_p50_ms": 0.1 * slow, "requests_per_second": 30_000})
        measured.add("bare", {"latency_p50_ms": 1.1 * slow, "requests_per_second": 1_000 / slow})
        measured.add("serve", {"latency_p50_ms": 0.6 * slow, "requests_per_second": 1_500 / slow})
    return measured


def test_what_a_proxy_adds_is_compared_within_each_round() -> None:
    """A machine that is slower in one round does not change a ratio."""
    latency = next(v for v in judge(made_up().samples) if v.bar.figure == "added_latency_p50_ms")
    assert latency.measured == pytest.approx(0.5)
    assert latency.least == pytest.approx(latency.most)
    assert medians(made_up().samples, ["serve"])["serve"]["added_latency_p50_ms"] == 0.75


def test_the_tables_show_figures_bars_and_what_went_wrong() -> None:
    """Met and missed bars look different; what was not measured is a dash."""
    measured = made_up()
    measured.failures["stock"] = "ended at start"
    lines = render(measured).splitlines()
    assert lines[0].split() == ["direct", "bare", "serve"]
    assert any(line.split()[-3:] == ["-", "1.500", "0.750"] for line in lines)
    assert any("≤ 0.7 x bare" in line and line.endswith("  met") for line in lines)
    assert any("≥ 1.6 x bare" in line and line.endswith("  MISSED") for line in lines)
    assert "FAILED stock: ended at start" in lines
    assert not any("nothing is pinned" in line for line in lines)


def test_an_upstream_that_is_too_slow_is_told() -> None:
    """Below five times the best proxy's rate the load has a part in the figures."""
    measured = made_up()
    measured.add("bare", {"requests_per_second": 30_000})
    measured.add("bare", {"requests_per_second": 30_000})
    assert "Warning: the direct connection is only" in render(measured)


def test_json_holds_what_the_tables_show() -> None:
    """Figures by system, and each bar with its verdict."""
    document = json.loads(render_json(made_up()))
    assert document["figures"]["serve"]["requests_per_second"] == 1125
    assert {"serve"} == {bar["system"] for bar in document["bars"]}
    assert {bar["met"] for bar in document["bars"]} == {True, False}


def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are checked, and the help names every system."""
    assert parse_arguments(["--only", "serve", "bare", "--json"]).only == ["serve", "bare"]
    with pytest.raises(SystemExit) as wrong:
        main(["--only", "nginx"])
    assert wrong.value.code == 2
    assert "bare+stream" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12", 12),
        (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\nx: y", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", -1),
    ],
)
def test_the_load_reads_how_long_an_answer_is(head: bytes, length: int) -> None:
    """By its length or by its chunks."""
    assert read_head(head) == length


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2", b"HTTP/1.1 200"]
)
def test_the_load_takes_no_other_answer(head: bytes) -> None:
    """An error that comes fast is no good figure."""
    with pytest.raises(LoadError):
        read_head(head)


def test_percentiles_of_few_values() -> None:
    """The middle and the end of what there is."""
    assert [percentile([3, 1, 2], share) for share in (0, 0.5, 0.99, 1)] == [1, 2, 3, 3]


def test_a_growth_is_counted_from_the_first_requests() -> None:
    """What is idle before them is start-up."""
    assert Growth(idle=70, first=80, requests=84, streams=85.5).grown == 5.5


def test_a_real_run_has_every_figure() -> None:
    """Real processes, as few requests as there can be: each sample is a positive number."""
    measured = asyncio.run(measure(SMALLEST, ["bare+stream", "serve"], lambda _: None))
    assert measured.failures == {}
    for name in ("bare+stream", "serve"):
        assert {figure.source for figure in FIGURES} <= measured.samples[name].keys()
        for source, each in measured.samples[name].items():
            # On a quiet machine nobody is kept waiting.
            assert all(value > 0 or source == "waited_percent" for value in each), source
    found = medians(measured.samples, measured.samples)["serve"]
    assert found.keys() == {figure.name for figure in FIGURES}
    assert all(map(math.isfinite, found.values()))
    assert "serve" in render(measured)


def test_what_it_costs_to_be_looked_at_is_measured() -> None:
    """The addon with and without what looks at calls, each a real process."""
    measured = asyncio.run(measure(SMALLEST, WATCHING, lambda _: None))
    assert measured.failures == {}
    bars = {v.bar.figure for v in judge(measured.samples) if v.bar.system == "watched"}
    assert bars == {"added_latency_p50_ms", "added_chunk_p50_us"}


def test_a_system_that_fails_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason comes with what the process said last."""
    command = ["/bin/sh", "-c", "echo no luck >&2; exit 3"]
    monkeypatch.setattr("scripts.bench_relay.systems.PROXIES", {"serve": lambda _: command})
    found = asyncio.run(soak(["serve"], Amount(1, 1, 1, 1), lambda _: None))
    assert "no luck" in str(found["serve"])


def test_downloads_are_compared_within_each_round() -> None:
    """A machine that is slower in one round does not change a ratio."""
    rates = {"direct": [900.0, 900], "bare tunnel": [400.0, 200], "stock": [380.0, 190]}
    assert ratios(rates, "stock") == [0.95, 0.95]
    lines = render_rates(rates).splitlines()
    assert [line.split()[0] for line in lines] == ["download", "direct", "bare", "stock"]
    assert lines[-1].endswith("0.95  0.95  ≥ 0.9: met")
    assert render_rates(rates | {"stock": [300.0, 170]}).endswith("MISSED")
    assert json.loads(render_rates_json(rates))["stock"]["ratio"] == pytest.approx(0.95)


def test_a_real_download_goes_through_every_tunnel() -> None:
    """Real processes and a few bytes: each has a rate."""
    rates = measure_tunnels(Downloads(rounds=1, size=100_000), lambda _: None)
    assert rates.keys() == {"direct", "bare tunnel", "stock", "intercept"}
    assert all(rate > 0 for each in rates.values() for rate in each)
