"""`iflow-relay usage`: the sums, their costs, and how they look in any terminal."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.unit.ledger.made import row, write

from iflow_relay.cli import main
from iflow_relay.commands.usage_lines import _draw, _draw_plainly, _shorten
from iflow_relay.ledger.prices import prices_path

PRICES = """
currency = "USD"
[[price]]
model = "glm-*"
prompt = 1
completion = 2
cached = 0.5
"""


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
def ledger(tmp_path: Path) -> Path:
    """Three calls of three days and two models."""
    path = tmp_path / "ledger.sqlite3"
    day = 86400.0
    start = (time.time() // day - 3) * day
    million = {"prompt": 1_000_000, "completion": 500_000, "cached": 200_000, "reasoning": 0}
    write(
        path,
        [
            row("1", time=start, run="kimi-k2", client="curl/8"),
            row("2", time=start + day, **million),
            row("3", time=start + 2 * day, status=429, error="rate_limited", first_token=None),
        ],
    )
    return path


def usage(ledger: Path, *words: str, columns: int = 200, encoding: str = "utf-8") -> Result:
    """What the command does, in a terminal of that width."""
    runner = CliRunner(charset=encoding, env={"COLUMNS": str(columns)})
    return runner.invoke(main, ["usage", "--set", f"iflow_ledger={ledger}", *words])


def lines(result: Result) -> list[list[str]]:
    """The cells of the table's lines, without head and rules."""
    assert result.exit_code == 0, result
    table = [line.split() for line in result.stdout.splitlines() if any(map(str.isdigit, line))]
    return [line for line in table if line[0] != "No"]


def test_it_is_a_table_of_days(ledger: Path) -> None:
    """In their order, with a total, and a bar that shows each one's share of the tokens."""
    first, second, third, total = lines(usage(ledger))
    assert [line[0] for line in (first, second, third)] == sorted((first[0], second[0], third[0]))
    assert first[1:8] == ["1", "0", "100", "10", "40", "4", "0.50"]
    assert second[1:6] == ["1", "0", "1,000,000", "500,000", "200,000"]
    assert second[-2:] == ["100%", "█" * 24]
    assert third[1:3] == ["1", "1"]
    assert third[7:] == ["2.00", "s", "0%", "▏"]
    assert total[:6] == ["total", "3", "1", "1,000,200", "500,020", "200,080"]


def test_other_groups_come_the_largest_first(ledger: Path) -> None:
    """By model, client or status."""
    assert [line[0] for line in lines(usage(ledger, "--by", "model"))] == [
        "glm-4.7",
        "kimi-k2",
        "total",
    ]
    assert [line[0] for line in lines(usage(ledger, "--by", "client"))][:2] == [
        "OpenAI/Python",
        "curl/8",
    ]
    assert [line[0] for line in lines(usage(ledger, "--by", "status"))][:2] == ["200", "429"]


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("by", ["day", "model", "client", "status"])
def test_no_line_is_wider_than_the_terminal(ledger: Path, by: str, columns: int) -> None:
    """And none is broken in two, with prices or without."""
    for _ in range(2):
        result = usage(ledger, "--by", by, columns=columns)
        table = result.stdout.splitlines()
        assert max(map(len, table)) <= columns
        assert len(lines(result)) == (4 if by == "day" else 3)
        assert all(line[-1][-1] in "█▏▎▍▌▋▊▉%" for line in lines(result)[:-1])
        prices_path().parent.mkdir(parents=True, exist_ok=True)
        prices_path().write_text(PRICES)


def test_a_narrow_terminal_gets_short_numbers(ledger: Path) -> None:
    """And not all of them."""
    second = lines(usage(ledger, columns=80))[1]
    assert second[1:5] == ["1", "0", "1.0M", "500k"]
    assert second[-2:] == ["100%", "██████"]


@pytest.mark.parametrize("by", ["day", "model", "client", "status"])
def test_a_very_narrow_terminal_gets_names_and_whole_numbers(ledger: Path, by: str) -> None:
    """Times and bars have no room there."""
    result = usage(ledger, "--by", by, columns=40)
    assert max(map(len, result.stdout.splitlines())) <= 40
    assert "…" not in result.stdout
    assert "total" in result.stdout
    assert any(line[1:] == ["1", "0", "1.0M", "500k"] for line in lines(result)) == (by == "day")


def test_a_long_name_leaves_the_times_where_they_are(tmp_path: Path) -> None:
    """In a terminal of the usual width the name is folded."""
    path = tmp_path / "ledger.sqlite3"
    write(path, [row(time=time.time(), run="m" * 200)])
    assert lines(usage(path, "--by", "model", columns=80))[-1][-4:] == ["0.50", "s", "2.00", "s"]


def test_a_terminal_without_such_letters_gets_others(ledger: Path) -> None:
    """Nothing in it is beyond ASCII, whatever models are called."""
    write(ledger, [row("4", time=time.time(), run="模型")])
    result = usage(ledger, "--by", "model", encoding="ascii")
    assert result.stdout_bytes.isascii()
    assert "######" in result.stdout
    assert "??" in result.stdout


def test_without_tokens_a_bar_is_the_share_of_the_calls(tmp_path: Path) -> None:
    """As of an upstream that does not count."""
    path = tmp_path / "ledger.sqlite3"
    now = time.time()
    none = {"prompt": None, "completion": None, "first_token": None}
    write(path, [row(str(n), time=now, run="a" if n else "b", **none) for n in range(4)])
    first, second, _ = lines(usage(path, "--by", "model"))
    assert (first[0], first[-2]) == ("a", "75%")
    assert (second[0], second[-1]) == ("b", "█" * 8)


@pytest.mark.parametrize("by", ["model", "status"])
def test_what_has_no_name_is_called_none(tmp_path: Path, by: str) -> None:
    """A call that named no model; one whose client left before an answer, which JSON tells as 0."""
    path = tmp_path / "ledger.sqlite3"
    write(path, [row(time=time.time(), asked="", run="", status=0, error="client_disconnected")])
    assert lines(usage(path, "--by", by))[0][0] == "(none)"
    [told] = json.loads(usage(path, "--by", by, "--json").stdout)["rows"]
    assert told[by] == ("0" if by == "status" else "")


def test_prices_give_costs(ledger: Path) -> None:
    """Of the models that have one; the others are named."""
    prices_path().parent.mkdir(parents=True)
    prices_path().write_text(PRICES)
    result = usage(ledger, "--by", "model", "--json")
    document = json.loads(result.stdout)
    assert [line["cost"] for line in document["rows"]] == [pytest.approx(1.9 + 0.0001), None]
    assert document["total"]["cost"] == pytest.approx(1.9001)
    assert (document["currency"], document["unpriced"]) == ("USD", ["kimi-k2"])
    shown = usage(ledger).stdout
    assert "USD" in shown
    assert "1.90" in shown
    assert "No price for: kimi-k2" in shown


def test_a_wrong_price_list_is_an_error(ledger: Path) -> None:
    """In one line, with the field."""
    prices_path().parent.mkdir(parents=True)
    prices_path().write_text("[[price]]\nprompt = 1")
    result = usage(ledger)
    assert result.exit_code == 1
    assert "prices.toml: [[price]] number 1: model is missing" in result.stderr
    assert result.stderr.count("\n") == 1


def test_json_has_the_span_the_rows_and_the_total(ledger: Path) -> None:
    """Numbers as numbers, times in seconds."""
    document: dict[str, Any] = json.loads(usage(ledger, "--json", "--since", "2020-01-01").stdout)
    assert (document["by"], document["until"]) == ("day", None)
    assert document["since"] == "2020-01-01T00:00:00+00:00"
    assert document["currency"] is None
    assert document["rows"][0] == {
        "day": document["rows"][0]["day"],
        "calls": 1,
        "failed": 0,
        "prompt": 100,
        "completion": 10,
        "cached": 40,
        "reasoning": 4,
        "received": 300,
        "sent": 900,
        "first_token": {"median": 0.5, "p95": 0.5, "p99": 0.5},
        "duration": {"median": 2.0, "p95": 2.0, "p99": 2.0},
        "cost": None,
    }
    assert document["rows"][2]["first_token"] is None
    assert document["total"]["calls"] == 3


def test_csv_has_a_head_and_plain_numbers(ledger: Path) -> None:
    """As a spreadsheet takes them; what is not known is empty."""
    found = list(csv.DictReader(io.StringIO(usage(ledger, "--csv", "--by", "status").stdout)))
    assert [line["status"] for line in found] == ["200", "429"]
    assert (found[0]["prompt"], found[0]["first_token_p95"]) == ("1000100", "0.5")
    assert (found[1]["first_token_median"], found[1]["cost"]) == ("", "")


@pytest.mark.parametrize(
    ("words", "calls"),
    [((), 3), (("--since", "all"), 3), (("--until", "2020-01-01", "--since", "all"), 0)],
)
def test_a_span_limits_the_calls(ledger: Path, words: tuple[str, ...], calls: int) -> None:
    """Seven days, where none is named."""
    assert json.loads(usage(ledger, "--json", *words).stdout)["total"]["calls"] == calls


def test_where_no_calls_are_it_says_what_to_do(ledger: Path, tmp_path: Path) -> None:
    """In the span, or in the whole ledger."""
    result = usage(ledger, "--since", "0m")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No calls in that time: name another with --since" in result.stderr
    write(tmp_path / "empty", [])
    assert "The ledger is empty" in usage(tmp_path / "empty", "--since", "all").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "x"), "since: 'x' is no time: write 7d"),
        (("--since", "1d", "--until", "2d"), "since 1d is not before until 2d"),
        (("--json", "--since", "99999999d"), "since: '99999999d' is no time: write 7d"),
        (("--set", "iflow_ledger_days=0"), "iflow_ledger_days: 0 is too small"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(ledger: Path, words: tuple[str, ...], said: str) -> None:
    """With what to do."""
    result = usage(ledger, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("off", "The ledger is switched off (iflow_ledger)"),
        ("nowhere", "There is no ledger nowhere: a relay begins it with its first call."),
        ("/", "iflow_ledger: '/' is a folder"),
    ],
)
def test_where_there_is_no_ledger_that_is_said(value: str, said: str) -> None:
    """Likewise in one line."""
    result = CliRunner().invoke(main, ["usage", "--set", f"iflow_ledger={value}"])
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_two_formats_at_once_are_refused(ledger: Path) -> None:
    """Only one can be printed."""
    result = usage(ledger, "--json", "--csv")
    assert result.exit_code == 2
    assert "--json and --csv exclude each other" in result.stderr


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10.0k"),
        (99_949, "99.9k"),
        (99_951, "100k"),
        (999_499, "999k"),
        (999_501, "1.0M"),
        (1_234_567_890, "1.2G"),
        (5 * 10**12, "5T"),
    ],
)
def test_a_short_number_has_at_most_five_letters(number: int, text: str) -> None:
    """Rounded; the unit is the largest that leaves something before the point."""
    assert _shorten(number) == text


@pytest.mark.parametrize(
    ("length", "drawn", "plain"),
    [(0, "", ""), (0.01, "▏", "#"), (1, "█", "#"), (2.5, "██▌", "##"), (2.99, "███", "###")],
)
def test_whatever_is_more_than_nothing_shows(length: float, drawn: str, plain: str) -> None:
    """In eighths of a column, or in whole ones."""
    assert (_draw(length), _draw_plainly(length)) == (drawn, plain)
