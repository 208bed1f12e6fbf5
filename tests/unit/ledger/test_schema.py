"""How an older ledger becomes today's, and which files are left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from iflow_relay.ledger.schema import APPLICATION, check_version, migrate
from iflow_relay.ledger.values import LedgerError

FIRST = "CREATE TABLE calls (call TEXT); CREATE INDEX calls_by_call ON calls (call);"
SECOND = "ALTER TABLE calls ADD COLUMN cost REAL; UPDATE calls SET cost = 1"
BROKEN = "ALTER TABLE calls ADD COLUMN fine; ALTER TABLE calls ADD COLUMN fine"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(tmp_path / "file", isolation_level=None)
    yield made
    made.close()


def columns(connection: sqlite3.Connection) -> list[str]:
    return [name for _, name, *_ in connection.execute("PRAGMA table_info(calls)")]


def test_an_empty_file_gets_all_migrations(connection: sqlite3.Connection) -> None:
    """And says whose it is, and of which version."""
    assert check_version(connection, 2) == 0
    migrate(connection, (FIRST, SECOND))
    assert check_version(connection, 2) == 2
    assert columns(connection) == ["call", "cost"]
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)


def test_an_older_file_gets_those_that_it_lacks(connection: sqlite3.Connection) -> None:
    """What it holds stays."""
    migrate(connection, (FIRST,))
    connection.execute("INSERT INTO calls VALUES ('a')")
    migrate(connection, (FIRST, SECOND))
    migrate(connection, (FIRST, SECOND))
    assert connection.execute("SELECT * FROM calls").fetchall() == [("a", 1.0)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    """Whole or not at all; the next start may do better."""
    migrate(connection, (FIRST,))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (FIRST, SECOND, BROKEN))
    assert columns(connection) == ["call"]
    migrate(connection, (FIRST, SECOND))
    assert columns(connection) == ["call", "cost"]


def test_a_newer_file_is_left_alone(connection: sqlite3.Connection) -> None:
    """It is another version's, which may be needed again."""
    migrate(connection, (FIRST, SECOND))
    with pytest.raises(LedgerError, match=r"newer iflow-relay \(its version is 2, this one knows"):
        migrate(connection, (FIRST,))
    assert columns(connection) == ["call", "cost"]


def test_another_programs_database_is_left_alone(connection: sqlite3.Connection) -> None:
    """Whatever its version says."""
    connection.execute("CREATE TABLE photographs (name TEXT)")
    with pytest.raises(LedgerError, match="another program's database"):
        migrate(connection, (FIRST,))
