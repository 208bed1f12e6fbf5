"""`/metrics` during real calls, as Prometheus asks for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from mitmproxy.io import FlowReader
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Served, StartRelay
from tests.e2e.programs import CLIENT_KEY, MODEL, Relay, wait_until
from tests.e2e.servers import Demo

from iflow_relay import __version__
from iflow_relay.demo import KEY

OPEN = "application/openmetrics-text; version=1.0.0"
LOCAL_KEY = "sk-local-abcdef0123456789"


def scrape(relay: Relay, *, key: str | None = None, **headers: str) -> httpx2.Response:
    """Ask for the metrics; the metrics are not below `/v1`."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        fields["Authorization"] = f"Bearer {key}"
    address = f"http://127.0.0.1:{relay.port}/metrics"
    return httpx2.get(address, headers=fields, trust_env=False, timeout=20)


class Metrics(Counter[tuple[str, ...]]):
    """Samples by their name and their labels' values, in the order of the labels' names."""

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        text = scrape(relay).raise_for_status().text
        for sample in (s for metric in parse_plain(text) for s in metric.samples):
            values = [value for _, value in sorted(sample.labels.items())]
            self[(sample.name.removeprefix("iflow_relay_"), *values)] = sample.value  # type: ignore[assignment]


@contextmanager
def under_way(relay: Relay, fault: str) -> Iterator[None]:
    """A streamed call that has begun, and is over after the block."""
    thread = threading.Thread(target=run_stream, args=[relay, fault], name="call")
    thread.start()
    try:
        yield
    finally:
        thread.join(20)


def run_stream(relay: Relay, fault: str) -> None:
    with relay.client() as client:
        chat(client, fault, stream=True)


def test_sums_are_what_the_upstream_says_it_served(start_relay: StartRelay, demo: Demo) -> None:
    """Calls, streams, tokens; and refused calls by their status, broken streams by their error."""
    relay, before = start_relay(*LIKE_IFLOW), demo.stats()
    with relay.client() as client:
        assert chat(client, "reasoning").status == 200
        for _ in range(2):
            counted = chat(client, "reasoning", stream=True, stream_options={"include_usage": True})
            assert counted.status == 200
        after = demo.stats()
        assert chat(client, "status=429").status == 429
        assert chat(client, "cut=2", stream=True).status == 200
        assert client.get("/models").status_code == 200
    metrics = Metrics(relay)
    assert metrics["requests_total", MODEL, "chat", "200"] == 4
    assert metrics["requests_total", MODEL, "chat", "429"] == 1
    assert metrics["requests_total", "", "models", "200"] == 1
    assert metrics["requests_total", "", "health", "200"] >= 1
    for kind in ("prompt", "completion"):
        served = after[f"{kind}_tokens"] - before[f"{kind}_tokens"]
        assert metrics["tokens_total", kind, MODEL] == served > 0
    assert metrics["tokens_total", "reasoning", MODEL] > 0
    assert metrics["errors_total", "rate_limited"] == 1
    assert metrics["errors_total", "upstream_broken"] == 1
    assert metrics["stream_errors_total", "upstream_broken"] == 1
    assert metrics["stream_errors_total", "rate_limited"] == 0
    assert metrics["first_token_seconds_count", MODEL] == 3
    assert metrics["request_duration_seconds_count", "chat"] == 5
    assert metrics["request_duration_seconds_count", "metrics"] == 0
    assert metrics["added_latency_seconds_count",] == 5
    assert 0 < metrics["added_latency_seconds_sum",] < 5
    assert metrics["build_info", __version__] == 1


def test_who_is_under_way_and_who_waits_is_told(start_relay: StartRelay) -> None:
    """One place: of two calls one runs and one waits in line; the scrape is neither."""
    relay = start_relay(*LIKE_IFLOW, "iflow_max_concurrency=1")
    assert Metrics(relay)["requests_in_flight",] == 0
    with under_way(relay, "pause=0.05,words=30"):
        wait_until(lambda: Metrics(relay)["requests_in_flight",] == 1, "a call under way")
        assert Metrics(relay)["queue_waiting",] == 0
        with under_way(relay, ""):
            wait_until(lambda: Metrics(relay)["queue_waiting",] == 1, "a call in line")
            assert Metrics(relay)["requests_in_flight",] == 2
    wait_until(lambda: Metrics(relay)["requests_in_flight",] == 0, "the end of both")
    metrics = Metrics(relay)
    assert metrics["queue_waiting",] == 0
    # What waited says nothing of how fast the relay is.
    assert metrics["added_latency_seconds_count",] == 1
    assert metrics["request_duration_seconds_count", "chat"] == 2


def test_a_client_that_leaves_is_counted(start_relay: StartRelay) -> None:
    """Before its answer, and in the middle of it."""
    relay = start_relay(*LIKE_IFLOW)
    with relay.client() as client:
        client.timeout = httpx2.Timeout(0.3)
        with pytest.raises(httpx2.TimeoutException):
            chat(client, "delay=5")
    with relay.client() as client:
        request = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "x"}]}
        headers = {"x-demo": "pause=0.1,words=100"}
        with client.stream("POST", "/chat/completions", json=request, headers=headers) as answer:
            assert next(answer.iter_bytes())
    wait_until(lambda: Metrics(relay)["errors_total", "client_disconnected"] == 2, "two that left")
    metrics = Metrics(relay)
    assert metrics["requests_total", "other", "chat", "none"] == 1
    assert metrics["requests_total", MODEL, "chat", "200"] == 1
    assert metrics["stream_errors_total", "client_disconnected"] == 1


def test_names_that_clients_make_up_get_no_label(start_relay: StartRelay) -> None:
    """Neither where the relay refuses the call, nor where the upstream does."""
    relay = start_relay(*LIKE_IFLOW)
    with relay.client() as client:
        for number in range(3):
            assert chat(client, model=f"made-up-{number}", messages=[]).status == 400
            assert chat(client, "status=404", model=f"made-up-{number}").status == 404
    text = scrape(relay).text
    assert "made-up" not in text
    assert Metrics(relay)["requests_total", "other", "chat", "404"] == 3


def test_prometheus_gets_the_format_that_it_prefers(relay: Relay) -> None:
    """OpenMetrics where it is asked for; a HEAD gets the head alone."""
    answer = scrape(relay, Accept=OPEN)
    assert answer.headers["content-type"].startswith(OPEN)
    names = {metric.name for metric in parse_open(answer.text)}  # type: ignore[no-untyped-call]
    assert "iflow_relay_requests" in names
    plain = scrape(relay)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    head = httpx2.head(f"http://127.0.0.1:{relay.port}/metrics", trust_env=False)
    assert (head.status_code, head.content) == (200, b"")


def test_a_relay_with_local_keys_wants_one(start_relay: StartRelay) -> None:
    """As on the API; by `authorization` in Prometheus' configuration."""
    relay = start_relay(*LIKE_IFLOW, f"iflow_local_keys={LOCAL_KEY}")
    for key in (None, CLIENT_KEY, KEY):
        refused = scrape(relay, key=key)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert "iflow_relay_requests" not in refused.text
    answer = scrape(relay, key=LOCAL_KEY)
    assert answer.status_code == 200
    for secret in (LOCAL_KEY, CLIENT_KEY, KEY):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "rebound.example"}, "forbidden_host"),
        ({"Origin": "https://page.example"}, "forbidden_origin"),
        ({"Sec_Fetch_Site": "cross-site"}, "forbidden_origin"),
    ],
)
def test_pages_elsewhere_may_not_ask(relay: Relay, headers: dict[str, str], code: str) -> None:
    """The guards of the API stand here, too; a page that may call gets no leave to read this."""
    refused = scrape(relay, **headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, code)
    allowed = scrape(relay, Origin=f"http://127.0.0.1:{relay.port}")
    assert allowed.status_code == 200
    assert "access-control-allow-origin" not in allowed.headers


def test_another_ones_metrics_are_not_ours(served: Served) -> None:
    """On `api.openai.com` there are none; on the relay's own name there are."""
    relay = served.relay
    with relay.intercepted("https://api.openai.com") as client:
        refused = client.get("/metrics")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    with relay.intercepted("http://iflow.internal") as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    found = {s.labels["kind"]: s.value for m in parse_plain(answer.text) for s in m.samples
             if s.name == "iflow_relay_connections_total"}  # fmt: skip
    assert found["intercepted"] >= 1


def test_what_is_below_v1_is_the_upstreams(relay: Relay, demo: Demo) -> None:
    """It may have a path of that name."""
    with relay.client() as client:
        client.get("/metrics")
    assert demo.requests()[-1]["path"] == "/v1/metrics"


def test_a_scrape_is_kept_in_no_flow_file(start_relay: StartRelay, tmp_path: Path) -> None:
    """Nor is it printed: it comes every few seconds, for ever."""
    file = tmp_path / "flows"
    relay = start_relay(*LIKE_IFLOW, arguments=("-w", str(file)))
    scrape(relay).raise_for_status()
    with relay.client() as client:
        chat(client)
    relay.stop()
    with file.open("rb") as stream:
        paths = [flow.request.path for flow in FlowReader(stream).stream()]  # type: ignore[attr-defined]
    assert "/v1/chat/completions" in paths
    assert "/metrics" not in paths
    assert "/metrics" not in relay.log()
