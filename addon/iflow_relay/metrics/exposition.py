"""Writes metrics down in the format that whoever scrapes them asks for.

prometheus_client is loaded at the first scrape: most relays are never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from .families import Family, Histograms, Numbers

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

OPEN_METRICS = "application/openmetrics-text"

Encode = Callable[["Collector"], bytes]


class Exposition(NamedTuple):
    """What a scrape is answered with."""

    content_type: str
    body: bytes


def expose(families: Iterable[Family], accept: str, created: float) -> Exposition:
    """The metrics, with what the system knows of this process, where it tells (Linux).

    `accept` is the request's field; `created` is since when there is counting, in Unix seconds.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.registry import Collector

    encode, content_type = choose(accept)
    # The older format has no word for it: it would become a metric of its own.
    since = created if content_type.startswith(OPEN_METRICS) else None
    metrics = [_metric(family, since) for family in families]

    class Told(Collector):
        def collect(self) -> Iterable[Metric]:
            return metrics

    registry = CollectorRegistry()
    registry.register(Told())
    ProcessCollector(registry=registry)
    return Exposition(content_type, encode(registry))


def choose(accept: str) -> tuple[Encode, str]:
    """The encoder for an Accept field, and the content type that it writes."""
    from prometheus_client.exposition import choose_encoder

    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        return choose_encoder("")
    # The version that was asked for stands in it as it came.
    return (encode, content_type) if content_type.isascii() else choose_encoder("")


def _metric(family: Family, created: float | None) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    if isinstance(family, Histograms):
        return _histogram(family, created)
    if family.kind == "counter":
        return _counter(family, created)
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for point in family.points:
        metric.add_metric(point.labels, point.value)
    return metric


def _counter(family: Numbers, created: float | None) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for point in family.points:
        metric.add_metric(point.labels, point.value, created)
    return metric


def _histogram(family: Histograms, created: float | None) -> Metric:
    from prometheus_client.core import HistogramMetricFamily
    from prometheus_client.utils import floatToGoString

    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels, unit="seconds")
    for spread in family.points:
        bounds = map(floatToGoString, (*spread.bounds, float("inf")))
        metric.add_metric(spread.labels, list(zip(bounds, spread.counts, strict=True)), spread.sum)
        if created is not None:
            named = dict(zip(family.labels, spread.labels, strict=True))
            metric.add_sample(f"{family.name}_created", named, created)
    return metric
