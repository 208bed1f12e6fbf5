"""The ledger's figures, against sums that are done by hand."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ledger.made import NOON, row, write

from iflow_relay.ledger.opening import SIDE_FILES
from iflow_relay.ledger.reading import By, Ledger, Spread, Sum
from iflow_relay.ledger.schema import MIGRATIONS
from iflow_relay.ledger.span import Span
from iflow_relay.ledger.values import LedgerError, Row

ALL = Span(None, None)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Days begin at the same moment wherever the tests run."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def test_sums_are_of_what_was_counted(path: Path) -> None:
    """A number that nobody knows adds nothing, and is no quantile."""
    unknown = dict.fromkeys(("prompt", "completion", "cached", "reasoning", "first_token"))
    write(path, [row("1"), row("2", **unknown, duration=4.0, status=502, error="upstream_broken")])
    with Ledger(path) as ledger:
        [found] = ledger.sums((), ALL)
    half, whole = Spread(0.5, 0.5, 0.5), Spread(2.0, 4.0, 4.0)
    assert found == Sum((), 2, 1, 100, 10, 40, 4, 600, 1800, half, whole)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("day", ["2026-11-20", "2026-11-21"]),
        ("hour", ["2026-11-20 23:00", "2026-11-21 12:00"]),
        ("model", ["", "glm-4.7", "gpt-4o"]),
        ("client", ["OpenAI/Python", "curl/8"]),
        ("status", ["0", "200"]),
    ],
)
def test_groups_are_named_and_sorted_by_their_keys(path: Path, by: By, keys: list[str]) -> None:
    """A model is the one that ran, else the one that was asked for."""
    write(
        path,
        [
            row("1", time=NOON - 12 * 3600 - 1),
            row("2", run="", client="curl/8"),
            row("3", run="", asked="", status=0),
        ],
    )
    with Ledger(path) as ledger:
        assert [found.keys[0] for found in ledger.sums((by,), ALL)] == keys


def test_a_span_has_its_beginning_and_not_its_end(path: Path) -> None:
    """So that spans in a row count each call once."""
    write(path, [row(str(n), time=NOON + n) for n in range(4)])
    with Ledger(path) as ledger:
        spans = [Span(None, NOON + 1), Span(NOON + 1, NOON + 3), Span(NOON + 3, None)]
        assert [ledger.sums((), span)[0].calls for span in spans] == [1, 2, 1]


@pytest.mark.parametrize(("by", "key"), [("day", "2026-11-21"), ("hour", "2026-11-21 23:00")])
def test_the_last_moment_of_a_day_is_of_that_day(path: Path, by: By, key: str) -> None:
    """Nothing is rounded up to midnight, which the span of that day would not have."""
    write(path, [row(time=NOON + 12 * 3600 - 0.0001)])
    with Ledger(path) as ledger:
        assert [found.keys[0] for found in ledger.sums((by,), ALL)] == [key]


def test_an_empty_ledger_gives_one_sum_of_nothing(path: Path) -> None:
    """Also one that nobody has written to yet; groups there are none."""
    nothing = [Sum((), 0, 0, 0, 0, 0, 0, 0, 0, None, None)]
    path.touch()
    for _ in ("an empty file", "an empty table"):
        with Ledger(path) as ledger:
            assert ledger.sums((), ALL) == nothing
            assert ledger.sums(("day",), ALL) == []
            assert ledger.last(5) == []
        write(path, [])


def test_the_last_calls_come_newest_first(path: Path) -> None:
    """As they were written; of the same moment the one that was written last."""
    rows = [row("1", time=NOON + 9), row("2"), row("3", streamed=False, prompt=None), row("4")]
    write(path, rows)
    with Ledger(path) as ledger:
        assert ledger.last(3) == [rows[0], rows[3], rows[2]]


ROWS = st.lists(
    st.builds(
        lambda **values: row(**values),
        run=st.sampled_from(["a", "b", ""]),
        client=st.sampled_from(["x", "y"]),
        status=st.sampled_from([0, 200, 429]),
        prompt=st.none() | st.integers(0, 10**6),
        sent=st.integers(0, 10**6),
        first_token=st.none() | st.floats(0, 10, width=16),
        duration=st.floats(0, 100, width=16),
    ),
    max_size=120,
)


def spread(values: list[float]) -> Spread:
    ordered = sorted(values)
    return Spread(*(ordered[math.ceil(len(values) * share / 100) - 1] for share in (50, 95, 99)))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=ROWS)
def test_any_calls_are_summed_as_python_sums_them(
    tmp_path_factory: pytest.TempPathFactory, made: list[Row]
) -> None:
    """By two keys at once; quantiles are by the nearest rank."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    write(path, [one._replace(call=str(number)) for number, one in enumerate(made)])
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for one in made:
        groups[(one.run or one.asked, str(one.status))].append(one)
    with Ledger(path) as ledger:
        found = ledger.sums(("model", "status"), ALL)
    assert [summed.keys for summed in found] == sorted(groups)
    for summed in found:
        group = groups[summed.keys]
        assert summed.calls == len(group)
        assert summed.failed == sum(member.status != 200 for member in group)
        assert summed.prompt == sum(member.prompt or 0 for member in group)
        assert summed.sent == sum(member.sent for member in group)
        assert summed.duration == spread([member.duration for member in group])
        firsts = [m.first_token for m in group if m.first_token is not None]
        assert summed.first_token == (spread(firsts) if firsts else None)


def test_a_ledger_that_is_not_there_says_what_begins_it(path: Path) -> None:
    """And none is made by looking."""
    with pytest.raises(LedgerError, match=r"There is no ledger .* begins it with its first call"):
        Ledger(path)
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_opened(path: Path, make: Callable[[Path], None]) -> None:
    """Whoever opens a pipe waits for somebody to write to it."""
    make(path)
    with pytest.raises(LedgerError, match="it is no file: name another with iflow_ledger"):
        Ledger(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"no database" * 500), "damaged, or no ledger"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "damaged, or no ledger"),
        (lambda path: _run(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}"), "newer"),
        (lambda path: _run(path, "PRAGMA application_id = 5"), "another program's database"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(path: Path, spoil: object, said: str) -> None:
    """With the file's name."""
    write(path, [row(str(number)) for number in range(200)])
    spoil(path)  # type: ignore[operator]
    with pytest.raises(LedgerError, match=said) as caught, Ledger(path) as ledger:
        ledger.sums((), ALL)
    assert path.name in str(caught.value)


def test_a_ledger_is_read_while_it_is_written(path: Path) -> None:
    """A relay writes on; each question is answered of one moment."""
    write(path, [row("1")])
    with Ledger(path) as ledger:
        write(path, [row("2")])
        assert ledger.sums((), ALL)[0].calls == 2


def test_nothing_is_written_by_reading(path: Path) -> None:
    """The file stays as it is, byte for byte."""
    write(path, [row("1")])
    before = path.read_bytes(), path.stat().st_mtime_ns
    with Ledger(path) as ledger:
        ledger.sums(("day", "model"), ALL)
        with pytest.raises(sqlite3.OperationalError):
            ledger._connection.execute("DELETE FROM calls")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("is_at_rest", [True, False])
def test_a_ledger_in_a_folder_that_cannot_be_written_is_read(path: Path, is_at_rest: bool) -> None:
    """SQLite wants to write beside it, and does without."""
    write(path, [row("1")])
    if is_at_rest:
        for side in SIDE_FILES:
            Path(f"{path}{side}").unlink()
    path.parent.chmod(0o500)
    try:
        with Ledger(path) as ledger:
            assert ledger.sums((), ALL)[0].calls == 1
    finally:
        path.parent.chmod(0o700)


def _run(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
