"""What becomes of rows, whatever becomes of the file."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from tests.e2e.programs import ADDON, wait_until
from tests.unit.ledger.made import NOON, calls, row, write, writer

from iflow_relay.ledger.file import LedgerFile
from iflow_relay.ledger.opening import SIDE_FILES
from iflow_relay.ledger.rows import PRUNED_AT_ONCE, write_rows
from iflow_relay.ledger.schema import MIGRATIONS
from iflow_relay.ledger.values import Row
from iflow_relay.ledger.writing import DAY, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """In a folder that is not there yet."""
    return tmp_path / "deep" / "ledger.sqlite3"


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the file, and lets nobody in."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


def has(path: Path, *ids: str) -> bool:
    """Whether these calls are in the ledger, and no others; False while it is no ledger yet."""
    try:
        return calls(path) == list(ids)
    except sqlite3.DatabaseError:
        return False


def test_rows_are_written_at_once_and_in_their_order(path: Path) -> None:
    """Nobody has to close anything first."""
    with writer(path) as ledger:
        for number in range(50):
            ledger.put(row(str(number)))
        wait_until(lambda: has(path, *map(str, range(50))), "the rows")


def test_nothing_is_made_before_the_first_row(path: Path) -> None:
    """A relay that serves nothing has no ledger, and no thread for one."""
    before = threading.active_count()
    with writer(path):
        assert threading.active_count() == before
    assert not path.parent.exists()


def test_a_start_does_not_load_sqlite(path: Path) -> None:
    """What a relay that only waits needs not, it does not hold in memory."""
    code = (
        "import sys; from pathlib import Path; from iflow_relay.ledger.writing import Writer; "
        f"Writer(Path({str(path)!r}), 90).close(); print('sqlite3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ADDON)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "False\n"


def test_whoever_puts_a_row_touches_no_file(path: Path) -> None:
    """Every system call on a file, and every word to SQLite, comes from another thread."""
    here = threading.get_ident()
    seen: list[tuple[bool, str]] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if is_watched[0] and event.startswith(("open", "os.", "sqlite3.")):
            seen.append((threading.get_ident() == here, event))

    is_watched = [False]
    sys.addaudithook(watch)
    with writer(path) as ledger:
        is_watched[0] = True
        for number in range(100):
            ledger.put(row(str(number)))
        is_watched[0] = False
        wait_until(lambda: path.exists() and len(calls(path)) == 100, "the rows")
    assert [event for is_here, event in seen if is_here] == []


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_only_the_owner_may_read_it(path: Path) -> None:
    """The folder, the file, and what SQLite puts beside it, whatever the umask."""
    umask = os.umask(0)
    try:
        with writer(path) as ledger:
            ledger.put(row("1"))
            wait_until(lambda: has(path, "1"), "the row")
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == dict.fromkeys((path.name, f"{path.name}-wal", f"{path.name}-shm"), 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_file_is_one_that_readers_do_not_hold_up(path: Path) -> None:
    """A write-ahead log; whoever reads for long keeps no call from being written."""
    write(path, [row("0")])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM calls").fetchall()
        with writer(path) as ledger:
            ledger.put(row("1"))
            wait_until(lambda: has(path, "0", "1"), "the row")


def test_while_the_file_is_locked_rows_wait(path: Path, log: pytest.LogCaptureFixture) -> None:
    """That is said once, with what to do; likewise that it is over."""
    write(path, [])
    with writer(path) as ledger:
        with locked(path):
            ledger.put(row("1"))
            wait_until(lambda: bool(log.messages), "a warning")
            ledger.put(row("2"))
        wait_until(lambda: has(path, "1", "2"), "the rows")
        wait_until(lambda: len(log.messages) > 1, "good news")
        ledger.put(row("3"))
        wait_until(lambda: has(path, "1", "2", "3"), "the row")
    warning, news = log.records
    assert warning.levelname == "WARNING"
    assert "another program holds it locked: close that program. Calls go on" in warning.message
    assert news.levelname == "INFO"
    assert "is written again: 2 calls that waited." in news.message


def test_of_too_many_rows_the_oldest_are_lost(path: Path, log: pytest.LogCaptureFixture) -> None:
    """That is said as well, and at the end how many."""
    write(path, [])
    with writer(path, kept=3) as ledger:
        with locked(path):
            ledger.put(row("0"))
            wait_until(lambda: bool(log.messages), "a warning")
            for number in range(1, 6):
                ledger.put(row(str(number)))
            wait_until(lambda: "Too many calls wait" in log.text, "another warning")
        wait_until(lambda: has(path, "3", "4", "5"), "the rows")
        wait_until(lambda: "3 calls were lost" in log.text, "the number")


def test_a_folder_that_cannot_be_made_costs_nothing(
    path: Path, log: pytest.LogCaptureFixture
) -> None:
    """As soon as it can be, all is written."""
    path.parent.write_text("in the way")
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: bool(log.messages), "a warning")
        path.parent.unlink()
        wait_until(lambda: has(path, "1"), "the row")
    assert "File exists: look at who may use the file and its folder" in log.messages[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("", 0o500, "it cannot be written: give yourself write access to the file and its folder"),
        ("ledger.sqlite3", 0o400, "ledger.sqlite3: Permission denied: look at who may use"),
    ],
)
def test_what_cannot_be_written_costs_nothing(
    path: Path, log: pytest.LogCaptureFixture, name: str, mode: int, said: str
) -> None:
    """A folder or a file for reading only; rows wait until it is writable."""
    write(path, [])
    for side in SIDE_FILES:
        Path(f"{path}{side}").unlink()
    what = path.parent / name
    what.chmod(mode)
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: bool(log.messages), "a warning")
        what.chmod(0o700)
        wait_until(lambda: has(path, "1"), "the row")
    assert said in log.messages[0]


def has_so_many(path: Path, number: int) -> bool:
    try:
        return len(calls(path)) == number
    except sqlite3.DatabaseError:
        return False


def delete(path: Path) -> None:
    """Delete a ledger, with what SQLite keeps beside it."""
    for file in path.parent.glob(f"{path.name}*"):
        if ".damaged-" not in file.name:
            file.unlink()


def asides(path: Path) -> list[Path]:
    """The damaged files that were moved aside."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return [file for file in found if not file.name.endswith(("-wal", "-shm"))]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "no database": lambda data: b"no database at all" * 300,
    "a few bytes": lambda data: b"SQLite format 3\0",
    "short": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "garbled within": lambda data: data[:4096] + b"\xa5" * (len(data) - 4096),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    path: Path, log: pytest.LogCaptureFixture, damage: str
) -> None:
    """What is left of it is kept; that is said once."""
    write(path, [row(f"old {number}") for number in range(300)])
    spoilt = DAMAGES[damage](path.read_bytes())
    path.write_bytes(spoilt)
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: "moved" in log.text, "a warning")
        wait_until(lambda: has(path, "1"), "the row")
    [aside] = asides(path)
    assert aside.read_bytes() == spoilt
    [message] = log.messages
    assert f"is damaged: it was moved to {aside.name}, and a new one begun" in message


def test_several_relays_move_a_damaged_file_aside_once(
    path: Path, log: pytest.LogCaptureFixture
) -> None:
    """None moves away what another has begun anew; each row is there, once."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with contextlib.ExitStack() as stack:
        ledgers = [stack.enter_context(writer(path)) for _ in range(6)]
        for number, ledger in enumerate(ledgers):
            ledger.put(row(str(number)))
        wait_until(lambda: has_so_many(path, 6), "the rows")
    assert len(asides(path)) == 1
    assert sum("is damaged" in message for message in log.messages) == 1


def test_a_file_that_is_damaged_again_and_again_is_not_moved_again_and_again(
    path: Path, log: pytest.LogCaptureFixture
) -> None:
    """A bad disk is not filled with what it spoils."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: len(log.messages) == 1, "a warning")
        wait_until(lambda: has(path, "1"), "the row")
        delete(path)
        path.write_bytes(b"no database" * 1000)
        ledger.put(row("2"))
        wait_until(lambda: len(log.messages) == 2, "another warning")
        assert "it is damaged, or no ledger" in log.messages[1]
        delete(path)
        wait_until(lambda: has(path, "2"), "the row")
    assert len(asides(path)) == 1


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"PRAGMA user_version = {len(MIGRATIONS) + 1}", "written by a newer iflow-relay"),
        ("PRAGMA application_id = 7", "another program's database"),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(
    path: Path, log: pytest.LogCaptureFixture, statement: str, said: str
) -> None:
    """This relay does without a ledger, and says so once."""
    write(path, [row("old")])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    before = path.read_bytes()
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: bool(log.messages), "a warning")
        ledger.put(row("2"))
    assert path.read_bytes() == before
    [message] = log.messages
    assert said in message
    assert "This relay writes no more into it." in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_what_is_no_file_is_left_alone(path: Path, log: pytest.LogCaptureFixture) -> None:
    """Nobody waits for the other end of a pipe."""
    path.parent.mkdir()
    os.mkfifo(path)
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: bool(log.messages), "a warning")
    assert "it is no file: name another with iflow_ledger" in log.messages[0]


def test_who_lets_go_of_a_moved_file_leaves_its_successor_alone(path: Path) -> None:
    """SQLite's own way to end would delete the log of the new one, and its last rows with it."""
    first, second = LedgerFile(path), LedgerFile(path)
    first.write((row("1"),))
    for name in ("-wal", "-shm", ""):
        Path(f"{path}{name}").rename(f"{path}.aside{name}")
    second.write((row("2"),))
    first.close()
    assert calls(path) == ["2"]
    second.write((row("3"),))
    second.close()
    assert calls(path) == ["2", "3"]
    assert calls(Path(f"{path}.aside")) == ["1"]


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_ledger_that_is_taken_away_is_begun_anew(path: Path, is_moved: bool) -> None:
    """Its user has moved or deleted it; the relay goes on in a new one."""
    with writer(path) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: has(path, "1"), "the row")
        path.rename(path.with_name("kept")) if is_moved else path.unlink()
        ledger.put(row("2"))
        wait_until(lambda: has(path, "2"), "the row")


def test_rows_that_went_into_a_file_moved_at_that_moment_are_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is moved between the look at its name and the commit."""
    moved = path.with_name("moved")

    def write_late(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        if not moved.exists():
            path.rename(moved)
        write_rows(connection, rows)

    monkeypatch.setattr("iflow_relay.ledger.file.write_rows", write_late)
    write(path, [row("1")])
    assert moved.exists()
    assert calls(path) == ["1"]


def test_old_calls_go(path: Path) -> None:
    """All of them in the end, in steps; what is younger stays."""
    old = [row(f"old {number}", time=NOON - 10 * DAY) for number in range(PRUNED_AT_ONCE * 2 + 1)]
    write(path, [*old, row("young", time=NOON - 8 * DAY)])
    with writer(path, days=9, now=lambda: NOON) as ledger:
        ledger.put(row("new"))
        wait_until(lambda: has(path, "young", "new"), "the end of old calls")
        ledger.days = 7
        ledger.put(row("newer"))
        wait_until(lambda: has(path, "new", "newer"), "fewer days")


def test_old_calls_are_looked_for_once_a_day(path: Path) -> None:
    """A relay that runs for weeks."""
    clock = [NOON]
    with writer(path, days=1, now=lambda: clock[0]) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: has(path, "1"), "the row")
        clock[0] += 3 * DAY
        ledger.put(row("2", time=clock[0]))
        wait_until(lambda: has(path, "2"), "the end of the old one")


def test_a_clock_that_is_set_back_does_not_stop_the_look_for_old_calls(path: Path) -> None:
    """As that of a machine which woke up in a wrong year."""
    clock = [NOON]
    with writer(path, days=1, now=lambda: clock[0]) as ledger:
        ledger.put(row("1"))
        wait_until(lambda: has(path, "1"), "the row")
        clock[0] -= 100 * DAY
        ledger.put(row("old", time=clock[0] - 2 * DAY))
        ledger.put(row("2", time=clock[0]))
        wait_until(lambda: has(path, "1", "2"), "the end of the old one")


def test_the_end_writes_what_waits(path: Path) -> None:
    """However much came in the last moment."""
    with writer(path) as ledger:
        for number in range(2000):
            ledger.put(row(str(number)))
    assert len(calls(path)) == 2000


def test_the_end_does_not_wait_for_ever(path: Path, log: pytest.LogCaptureFixture) -> None:
    """It says what is missing; a row that comes later is none of its business."""
    write(path, [])
    ledger = Writer(path, 90)
    with locked(path):
        ledger.put(row("1"))
        ledger.put(row("2"))
        ledger.close(0.2)
        ledger.put(row("3"))
        assert "lacks 2 calls: the relay ended before they were in it." in log.text
        thread = ledger._thread
        assert thread
        thread.join(20)
    assert not thread.is_alive()


def test_where_no_thread_is_to_be_had_a_later_row_begins_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have no room for one at the moment."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with writer(path) as ledger:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        ledger.put(row("1"))
        monkeypatch.setattr(threading.Thread, "start", start)
        ledger.put(row("2"))
        wait_until(lambda: has(path, "1", "2"), "the rows")


WRITES = """
import sys
import time
from pathlib import Path
from tests.unit.ledger.made import row
from iflow_relay.ledger.writing import Writer
writer = Writer(Path(sys.argv[1]), 90)
input()
for number in range(300):
    writer.put(row(f"{sys.argv[2]}-{number}", time=time.time()))
writer.close(20)
"""


def test_several_relays_write_into_one_file(path: Path) -> None:
    """Processes that begin it together; no row is missing, none said to be, nobody warns."""
    paths = os.pathsep.join((str(ADDON), str(ADDON.parent)))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES, str(path), str(number)],
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    errors = [racer.communicate("\n", timeout=60)[1] for racer in racers]
    assert errors == [""] * 4
    expected = {f"{racer}-{number}" for racer in range(4) for number in range(300)}
    assert sorted(calls(path)) == sorted(expected)


def test_a_file_whose_fate_is_unclear_is_written_again(path: Path) -> None:
    """The file is moved away while a batch goes into it: the new one gets the batch."""
    file = LedgerFile(path)
    file.write((row("1"),))
    path.rename(path.with_name("kept"))
    file.write((row("2"),))
    file.close()
    assert calls(path) == ["2"]
