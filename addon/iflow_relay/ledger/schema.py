"""The ledger's tables, and how an older file becomes what this version writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .values import LedgerError, Row

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION = 0x69464C52
"""`application_id` of an SQLite file that is a ledger: `iFLR`."""

MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE calls (
        number INTEGER PRIMARY KEY,
        call TEXT NOT NULL UNIQUE,
        time REAL NOT NULL,
        route TEXT NOT NULL,
        path TEXT NOT NULL,
        dialect TEXT NOT NULL,
        client TEXT NOT NULL,
        host TEXT NOT NULL,
        asked TEXT NOT NULL,
        run TEXT NOT NULL,
        status INTEGER NOT NULL,
        error TEXT NOT NULL,
        prompt INTEGER,
        completion INTEGER,
        cached INTEGER,
        reasoning INTEGER,
        first_token REAL,
        duration REAL NOT NULL,
        received INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        streamed INTEGER NOT NULL
    );
    CREATE INDEX calls_by_time ON calls (time);
    """,
)
"""What makes each version out of the one before it; one that was released never changes."""

COLUMNS = ", ".join(Row._fields)

NEWER = (
    "it was written by a newer iflow-relay (its version is {found}, this one knows {known}): "
    "update iflow-relay, or name another file with iflow_ledger"
)
FOREIGN = "it is another program's database: name another file with iflow_ledger"


def check_version(connection: Connection, known: int = len(MIGRATIONS)) -> int:
    """The version of the file, 0 where it is empty; raises LedgerError for one not to be touched.

    Raises sqlite3.DatabaseError where it is damaged.
    """
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    if application != APPLICATION:
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise LedgerError(FOREIGN)
        return 0
    if version > known:
        raise LedgerError(NEWER.format(found=version, known=known))
    return version


def migrate(connection: Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the file to this version, whole or not at all; raises as `check_version`."""
    if check_version(connection, len(migrations)) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another relay may have done it while this one waited.
        done = check_version(connection, len(migrations))
        for migration in migrations[done:]:
            for statement in migration.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
