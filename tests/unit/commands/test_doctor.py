"""How `iflow-relay doctor` shows what it found."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from iflow_relay.commands.doctor import doctor
from iflow_relay.commands.doctor_lines import make_writer, render, show, sum_up
from iflow_relay.doctor.parts import Line
from iflow_relay.doctor.verdict import failure, ok, skipped, warning

LINES = [
    Line("settings", ok("key", "sk-…cdef, from the default")),
    Line("settings", skipped("file", "not there")),
    Line("relay", failure("port", "taken", "take another")),
    Line("relay", warning("relay", "old", "take another")),
    Line("relay", warning("relay", "older", "start again")),
]


def test_lines_stand_below_their_part_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for several in a row with the same remedy."""
    assert list(show(LINES)) == LINES
    assert capsys.readouterr().out == (
        "settings\n"
        "  ✓ key: sk-…cdef, from the default\n"
        "  \N{EN DASH} file: not there\n"
        "\n"
        "relay\n"
        "  ✗ port: taken\n"
        "    → take another\n"
        "  ! relay: old\n"
        "  ! relay: older\n"
        "    → start again\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "gbk"])
def test_a_terminal_gets_letters_that_it_has(
    encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Marks become plain ones, and what else it lacks a question mark."""
    make_writer(encoding)("✓ ✗ \N{EN DASH} → … 🌊")
    assert capsys.readouterr().out == "+ x - > ... ?\n"
    make_writer("utf-8")("✓ 🌊")
    assert capsys.readouterr().out == "✓ 🌊\n"


def test_the_last_line_counts() -> None:
    """What was not looked at does not count."""
    assert sum_up(LINES) == "4 tested: 1 failure, 2 warnings."
    assert sum_up(LINES[:2]) == "1 tested: all is well."


def test_a_line_is_a_document_too() -> None:
    """Without anything to do, that is null."""
    assert render(LINES[0]) == {
        "part": "settings",
        "name": "key",
        "status": "ok",
        "found": "sk-…cdef, from the default",
        "advice": None,
    }
    assert render(LINES[2])["advice"] == "take another"


def test_an_address_that_is_none_is_refused() -> None:
    """Before anything is looked at."""
    result = CliRunner().invoke(doctor, ["--listen", "here"])
    assert result.exit_code == 2
    assert "write PORT or HOST:PORT" in result.output
