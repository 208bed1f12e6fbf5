"""Parts that run at once: their order, their accidents, their end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from iflow_relay.doctor.parts import REPORT, Part, run_parts, run_together
from iflow_relay.doctor.patience import in_time, render_time
from iflow_relay.doctor.verdict import Verdict, failure, ok, read_advice


def test_the_lines_come_in_the_order_of_the_parts() -> None:
    """Whichever part is done first."""
    second_is_done = threading.Event()

    def first() -> Iterator[Verdict]:
        assert second_is_done.wait(10)
        yield ok("a", "1")
        yield ok("b", "2")

    def second() -> Iterator[Verdict]:
        yield ok("c", "3")
        second_is_done.set()

    lines = list(run_parts([Part("one", first), Part("two", second)]))
    assert [(part, verdict.name) for part, verdict in lines] == [
        ("one", "a"),
        ("one", "b"),
        ("two", "c"),
    ]


def test_a_line_comes_as_soon_as_it_is_found() -> None:
    """The part goes on meanwhile."""
    go_on = threading.Event()

    def check() -> Iterator[Verdict]:
        yield ok("a", "1")
        assert go_on.wait(10)
        yield ok("b", "2")

    lines = run_parts([Part("one", check)])
    assert next(lines).verdict.name == "a"
    go_on.set()
    assert next(lines).verdict.name == "b"


def test_an_accident_is_a_failure_of_its_part_alone() -> None:
    """Its type is named, and not its text, which may hold anything."""

    def broken() -> Iterator[Verdict]:
        yield ok("a", "1")
        raise ZeroDivisionError("sk-secret-key")

    parts = [Part("one", broken), Part("two", lambda: [ok("b", "2")])]
    assert list(run_together(parts)) == [
        ok("a", "1"),
        failure("one", "the check broke off: ZeroDivisionError", REPORT),
        ok("b", "2"),
    ]


def test_a_part_that_hangs_is_a_failure() -> None:
    """What it found until then is told, and so is what the others found."""
    end = threading.Event()

    def hanging() -> Iterator[Verdict]:
        yield ok("a", "1")
        end.wait(20)

    parts = [Part("one", hanging), Part("two", lambda: [ok("b", "2")])]
    found = list(run_together(parts, patience=0.2))
    end.set()
    assert [(verdict.name, str(verdict.status)) for verdict in found] == [
        ("a", "ok"),
        ("one", "failure"),
        ("b", "ok"),
    ]


def test_a_wait_without_a_limit_is_given_one() -> None:
    """Results and exceptions come through."""
    end = threading.Event()
    assert in_time(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 // 0)
    with pytest.raises(TimeoutError):
        in_time(lambda: end.wait(20), 0.05)
    end.set()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 ms"), (0.0341, "34 ms"), (0.999, "999 ms"), (2.52, "2.5 s")]
)
def test_times_are_short(seconds: float, text: str) -> None:
    """Nobody needs more of them."""
    assert render_time(seconds) == text


@pytest.mark.parametrize(
    ("message", "found", "advice"),
    [
        ("It expired: today. Move it: now", "It expired: today", "Move it: now"),
        ("It cannot be read: do `this`", "It cannot be read", "do `this`"),
        ("It is broken", "It is broken", ""),
    ],
)
def test_a_message_is_cut_into_finding_and_advice(message: str, found: str, advice: str) -> None:
    """At its first sentence, else at its colon."""
    assert read_advice(message) == (found, advice)
