"""From samples to figures, and from figures to the bars that they are held against.

A sample is one round's value. Rounds are interleaved, so the systems' samples of one round saw the
same machine: what one system has over another is worked out within each round, and the median of
that is what counts. It may differ a little from the quotient of the medians that are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from .systems import DIRECT

type Samples = Mapping[str, Mapping[str, Sequence[float]]]
"""Values of each round by system and by name."""


class Figure(NamedTuple):
    """One line of the table; `source` is the sample that it comes from."""

    name: str
    title: str
    digits: int
    source: str
    added: bool = False
    """Whether the direct connection's value of the same round is taken off."""


FIGURES = (
    Figure("latency_p50_ms", "latency p50, 1 connection, ms", 3, "latency_p50_ms"),
    Figure("added_latency_p50_ms", "  added p50, ms", 3, "latency_p50_ms", added=True),
    Figure("added_latency_p99_ms", "  added p99, ms", 3, "latency_p99_ms", added=True),
    Figure("requests_per_second", "requests/s, 32 connections", 0, "requests_per_second"),
    Figure("cpu_per_request_us", "  CPU per request, µs", 0, "cpu_per_request_us"),
    Figure("waited_percent", "  kept off its core by others, %", 1, "waited_percent"),
    Figure("first_token_p50_ms", "time to first token p50, ms", 3, "first_token_p50_ms"),
    Figure("chunk_p50_us", "chunk's way p50, 50 paced streams, µs", 0, "chunk_p50_us"),
    Figure("added_chunk_p50_us", "  added p50, µs", 0, "chunk_p50_us", added=True),
    Figure("added_chunk_p99_us", "  added p99, µs", 0, "chunk_p99_us", added=True),
    Figure("cpu_per_chunk_us", "  CPU per chunk, µs", 0, "cpu_per_chunk_us"),
    Figure("chunks_per_second", "chunks/s flat out, 32 streams", 0, "chunks_per_second"),
    Figure("start_s", "start to first answer, s", 2, "start_s"),
    Figure("idle_mb", "memory idle, MB", 1, "idle_mb"),
    Figure("after_streams_mb", "memory after 200 streams, MB", 1, "after_streams_mb"),
)
BY_NAME = {figure.name: figure for figure in FIGURES}


def ratio(mine: float, other: float) -> float:
    """How many times the other's value."""
    return mine / other if other else float("nan")


def difference(mine: float, other: float) -> float:
    """What is over the other's value."""
    return mine - other


class Bar(NamedTuple):
    """What a system is to reach against another one."""

    figure: str
    system: str
    against: str
    limit: float
    measure: Callable[[float, float], float] = ratio
    at_least: bool = False

    @property
    def wanted(self) -> str:
        """The bar in words: `≥ 0.9 x bare+stream`, `≤ bare + 20`."""
        sign = "≥" if self.at_least else "≤"
        if self.measure is ratio:
            return f"{sign} {self.limit:g} x {self.against}"
        return f"{sign} {self.against} + {self.limit:g}"


BARS = (
    Bar("requests_per_second", "stock", "bare+stream", 0.9, at_least=True),
    Bar("requests_per_second", "serve", "bare", 1.6, at_least=True),
    Bar("added_latency_p50_ms", "stock", "bare+stream", 1.15),
    Bar("added_latency_p50_ms", "serve", "bare", 0.7),
    Bar("first_token_p50_ms", "stock", "bare+stream", 1.1),
    Bar("first_token_p50_ms", "serve", "bare+stream", 0.6),
    Bar("added_chunk_p50_us", "stock", "bare+stream", 1.1),
    Bar("added_chunk_p50_us", "serve", "bare+stream", 1.0),
    Bar("start_s", "stock", "bare", 0.3, difference),
    Bar("start_s", "serve", "bare", 0.3, difference),
    Bar("idle_mb", "stock", "bare", 20, difference),
    Bar("idle_mb", "serve", "bare", 10, difference),
    Bar("added_latency_p50_ms", "watched", "unwatched", 1.1),
    Bar("added_chunk_p50_us", "watched", "unwatched", 1.1),
)


class Verdict(NamedTuple):
    """A bar and what was measured: the median over the rounds, the least and the most."""

    bar: Bar
    measured: float
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the bar."""
        limit = self.bar.limit
        return self.measured >= limit if self.bar.at_least else self.measured <= limit


def values(samples: Samples, figure: Figure, system: str) -> list[float]:
    """The figure's value in each round; none where the system has no such sample."""
    mine = samples.get(system, {}).get(figure.source, ())
    if not figure.added:
        return list(mine)
    if system == DIRECT:
        return []
    direct = samples.get(DIRECT, {}).get(figure.source, ())
    # Where a system failed half-way its last rounds are missing, so what is left still pairs.
    return [mine_ - direct_ for mine_, direct_ in zip(mine, direct, strict=False)]


def medians(samples: Samples, systems: Iterable[str]) -> dict[str, dict[str, float]]:
    """The figures of each system, by name."""
    found: dict[str, dict[str, float]] = {}
    for system in systems:
        rounds = {figure.name: values(samples, figure, system) for figure in FIGURES}
        found[system] = {name: median(each) for name, each in rounds.items() if each}
    return found


def judge(samples: Samples, bars: Iterable[Bar] = BARS) -> list[Verdict]:
    """Each bar for which both systems were measured."""
    verdicts = []
    for bar in bars:
        figure = BY_NAME[bar.figure]
        pairs = zip(
            values(samples, figure, bar.system),
            values(samples, figure, bar.against),
            strict=False,
        )
        if measured := [bar.measure(mine, other) for mine, other in pairs]:
            verdicts.append(Verdict(bar, median(measured), min(measured), max(measured)))
    return verdicts


def percentile(measured: Sequence[int], share: float) -> float:
    """The value below which that share of them lies."""
    return float(sorted(measured)[min(int(len(measured) * share), len(measured) - 1)])
