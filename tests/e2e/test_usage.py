"""`iflow-relay usage` beside a relay that serves."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLI, MODEL, Relay, make_environment, wait_until

PRICES = """
currency = "CNY"
[[price]]
model = "qwen*"
prompt = 4
completion = 16
"""


def usage(relay: Relay, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What the command does in the relay's home."""
    return subprocess.run(
        [*CLI, "usage", *words],
        env=make_environment(relay.home, variables),
        cwd=relay.folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def document(relay: Relay, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(usage(relay, "--json", *words).stdout)
    return found


@pytest.fixture
def served(start_relay: StartRelay) -> Relay:
    """A relay that has served five chats of two clients, one of which failed."""
    relay = start_relay(*LIKE_IFLOW)
    with relay.client() as client:
        for _ in range(3):
            chat(client, headers={"User-Agent": "one/1.0 (of many)"})
        chat(client, stream=True, stream_options={"include_usage": True})
        chat(client, "status=429", model="glm-4.7", headers={"User-Agent": "two/2.0"})
    wait_until(lambda: '"calls": 5' in usage(relay, "--json").stdout, "five calls")
    return relay


def test_it_shows_what_a_running_relay_has_served(served: Relay) -> None:
    """As a table, as JSON and as CSV, with the same sums."""
    found = document(served, "--by", "model")
    assert [(line["model"], line["calls"], line["failed"]) for line in found["rows"]] == [
        (MODEL, 4, 0),
        ("glm-4.7", 1, 1),
    ]
    assert (found["total"]["prompt"], found["total"]["completion"]) == (24, 16)
    lines = list(csv.DictReader(io.StringIO(usage(served, "--by", "model", "--csv").stdout)))
    assert [int(line["prompt"]) for line in lines] == [24, 0]
    table = usage(served, "--by", "model").stdout
    assert MODEL in table
    assert "total" in table
    assert document(served, "--by", "client")["rows"][0]["client"] == "one/1.0"
    assert {line["status"] for line in document(served, "--by", "status")["rows"]} == {"200", "429"}


def test_prices_are_the_users_own(served: Relay) -> None:
    """From the configuration folder, for a million tokens."""
    folder = served.home / ".config" / "iflow-relay"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prices.toml").write_text(PRICES)
    found = document(served)
    assert found["currency"] == "CNY"
    assert found["total"]["cost"] == pytest.approx((24 * 4 + 16 * 16) / 1e6)
    (folder / "prices.toml").write_text("[[price]]\n")
    wrong = usage(served)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Error: ~/.config/iflow-relay/prices.toml: [[price]] number 1")


@pytest.mark.parametrize("columns", ["80", "200"])
def test_it_is_readable_in_any_terminal(served: Relay, columns: str) -> None:
    """Without colour, and without letters beyond ASCII where those cannot be shown."""
    plain = usage(served, COLUMNS=columns, PYTHONIOENCODING="ascii")
    assert plain.stdout.isascii()
    assert "#" in plain.stdout
    drawn = usage(served, COLUMNS=columns, PYTHONIOENCODING="utf-8")
    assert "█" in drawn.stdout
    assert "\x1b" not in drawn.stdout
    for line in (*plain.stdout.splitlines(), *drawn.stdout.splitlines()):
        assert len(line) <= int(columns)


def test_without_a_ledger_it_says_what_begins_one(start_relay: StartRelay) -> None:
    """In one line, and nothing is made."""
    relay = start_relay(*LIKE_IFLOW)
    nothing = usage(relay)
    assert nothing.returncode == 1
    assert nothing.stderr.endswith("a relay begins it with its first call.\n")
    assert not Path(relay.home, ".local", "share", "iflow-relay").exists()
