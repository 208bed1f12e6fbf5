"""What a scrape tells: each metric by name, what it is, and its values by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from .histogram import Histogram
from .tallies import TOKEN_KINDS, Tallies


class Point(NamedTuple):
    """A value, by the values of its family's labels."""

    labels: tuple[str, ...]
    value: float


class Spread(NamedTuple):
    """A histogram as it is told: counts are cumulated, the last is of all; `sum` in seconds."""

    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class Numbers(NamedTuple):
    """A metric of plain values; `name` as it stands in queries, a counter's with its `_total`."""

    kind: Literal["counter", "gauge"]
    name: str
    help: str
    labels: tuple[str, ...]
    points: tuple[Point, ...]


class Histograms(NamedTuple):
    """A metric of times; `name` without the endings by which its parts are queried."""

    name: str
    help: str
    labels: tuple[str, ...]
    points: tuple[Spread, ...]


Family = Numbers | Histograms


class Present(NamedTuple):
    """How things are with the relay at the moment, and what others have counted."""

    version: str
    in_flight: int
    waiting: int
    connections: Mapping[str, int]
    refreshes: Mapping[str, int]


def families(tallies: Tallies, present: Present) -> tuple[Family, ...]:
    """All metrics: a copy, which stays as it is while calls go on being counted."""
    return (*_counted(tallies), *_timed(tallies), *_present(present))


def _counted(tallies: Tallies) -> Iterable[Numbers]:
    yield Numbers(
        "counter",
        "iflow_relay_requests_total",
        "Requests that have ended, by route, model that ran and HTTP status; status none: the "
        "client left without an answer. An error within a stream has the status 200.",
        ("route", "model", "status"),
        _points(tallies.requests),
    )
    yield Numbers(
        "counter",
        "iflow_relay_tokens_total",
        "Tokens as the upstream counted them. Cached ones are among the prompt's, reasoning among "
        "the completion's.",
        ("model", "kind"),
        tuple(
            Point((model, kind), count)
            for model, sums in tallies.tokens.items()
            for kind, count in zip(TOKEN_KINDS, sums, strict=True)
        ),
    )
    for name, said, counts in (
        ("iflow_relay_errors_total", "Requests that failed, by the error's code.", tallies.errors),
        (
            "iflow_relay_stream_errors_total",
            "Those of the errors that came after the answer had begun.",
            tallies.stream_errors,
        ),
    ):
        points = tuple(Point((code,), count) for code, count in counts.items())
        yield Numbers("counter", name, said, ("code",), points)


def _timed(tallies: Tallies) -> Iterable[Histograms]:
    yield Histograms(
        "iflow_relay_first_token_seconds",
        "Seconds from a request's head to the first token of its streamed answer.",
        ("model",),
        _spreads(tallies.first_token),
    )
    yield Histograms(
        "iflow_relay_request_duration_seconds",
        "Seconds from a request's head to the end of its answer, failures included.",
        ("route",),
        _spreads(tallies.duration),
    )
    yield Histograms(
        "iflow_relay_added_latency_seconds",
        "Seconds that the relay itself took with a request and the head of its answer; without "
        "those that had to wait in line or for a key.",
        (),
        (_spread((), tallies.added),),
    )


def _present(present: Present) -> Iterable[Numbers]:
    yield _gauge(
        "iflow_relay_requests_in_flight",
        "Requests under way, those that wait in line among them.",
        present.in_flight,
    )
    yield _gauge(
        "iflow_relay_queue_waiting",
        "Requests that wait in line, as iflow_max_concurrency allows no more at once.",
        present.waiting,
    )
    yield Numbers(
        "counter",
        "iflow_relay_credential_refreshes_total",
        "Tries to renew the key of an OAuth login: renewed; failed, to be tried again; refused "
        "for good.",
        ("result",),
        _named(present.refreshes),
    )
    yield Numbers(
        "counter",
        "iflow_relay_connections_total",
        "Connections of programs that use the relay as their proxy.",
        ("kind",),
        _named(present.connections),
    )
    version = Point((present.version,), 1)
    said = "Always 1; the version is the label."
    yield Numbers("gauge", "iflow_relay_build_info", said, ("version",), (version,))


def _gauge(name: str, said: str, value: float) -> Numbers:
    return Numbers("gauge", name, said, (), (Point((), value),))


def _points(counts: Mapping[tuple[str, str, str], int]) -> tuple[Point, ...]:
    return tuple(Point(labels, count) for labels, count in counts.items())


def _named(counts: Mapping[str, int]) -> tuple[Point, ...]:
    return tuple(Point((name,), count) for name, count in counts.items())


def _spreads(histograms: Mapping[str, Histogram]) -> tuple[Spread, ...]:
    return tuple(_spread((label,), histogram) for label, histogram in histograms.items())


def _spread(labels: tuple[str, ...], histogram: Histogram) -> Spread:
    return Spread(labels, histogram.bounds, histogram.cumulated(), histogram.sum)
