"""The snapshot: the owner's alone, whole at every moment, and never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iflow_relay.system_proxy.owner import Owner
from iflow_relay.system_proxy.snapshot import (
    Entry,
    Snapshot,
    SnapshotError,
    find_path,
    load,
    make_snapshot,
    save,
)

PAC = "http://127.0.0.1:8000/proxy.pac"
ENTRY = Entry(before={"mode": "'n\"ö\\u0000ne'", "url": None}, urls=(PAC,))


def some_snapshot() -> Snapshot:
    return make_snapshot(PAC, Owner(pid=5, began="b 1"), {"macOS: Thunderbolt-Brücke": ENTRY})


def test_without_a_file_there_is_nothing() -> None:
    """And nothing wrong."""
    assert load() == (None, None)


def test_what_was_saved_is_loaded() -> None:
    """Any text, and what was not set."""
    save(some_snapshot())
    assert load() == (some_snapshot(), None)


def test_the_file_says_what_it_is() -> None:
    """Version, time, whose it is, what was set, and what was there."""
    save(some_snapshot())
    document = json.loads(find_path().read_text("utf-8"))
    assert document.pop("when").endswith("+00:00")
    assert document == {
        "version": 1,
        "owner": {"pid": 5, "began": "b 1"},
        "url": PAC,
        "desktops": {
            "macOS: Thunderbolt-Brücke": {"before": ENTRY.before, "urls": [PAC]},
        },
    }


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_nobody_else_may_read_it() -> None:
    """A PAC address may have a key in it."""
    old = os.umask(0)
    try:
        save(some_snapshot())
    finally:
        os.umask(old)
    assert find_path().stat().st_mode & 0o777 == 0o600
    assert find_path().parent.stat().st_mode & 0o777 == 0o700


def test_it_is_gone_where_nothing_is_left() -> None:
    """Also where it never was."""
    save(some_snapshot())
    for _ in range(2):
        save(make_snapshot(PAC, None, {}))
        assert not find_path().exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"{", "JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "object"),
        (b"{}", "version: 1 is expected"),
        (b'{"version": 2}', "version: 1 is expected"),
        (b'{"version": 1, "desktops": {}}', "when is missing"),
        (b'{"version": 1, "when": 5, "desktops": {}}', "when is a number"),
        (b'{"version": 1, "when": "", "owner": {}, "desktops": {}}', "pid is missing"),
        (
            b'{"version": 1, "when": "", "url": "", "desktops": {"KDE": {"before": {"a": 1}, '
            b'"urls": []}}}',
            "a value is no text",
        ),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_damaged_file_is_moved_aside_and_said(data: bytes, why: str) -> None:
    """The next call finds none."""
    path = find_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    nothing, problem = load()
    assert nothing is None
    assert problem
    assert why in problem
    assert problem.endswith("system-proxy.json.damaged")
    assert "\n" not in problem
    assert path.with_name("system-proxy.json.damaged").read_bytes() == data
    assert load() == (None, None)


def test_a_folder_in_its_place_is_moved_aside_too() -> None:
    """It cannot be read, whatever it is."""
    find_path().mkdir(parents=True)
    assert "Is a directory" in (load().problem or "")
    save(some_snapshot())
    assert load().snapshot


def test_a_damaged_file_that_cannot_be_moved_is_an_error_in_words() -> None:
    """A folder with something in it stands where it would go."""
    path = find_path()
    path.with_name("system-proxy.json.damaged").mkdir(parents=True)
    path.write_bytes(b"{")
    with pytest.raises(SnapshotError, match=r"is damaged .* cannot be moved aside"):
        load()


def test_a_folder_that_cannot_be_made_is_an_error_in_words(home: Path) -> None:
    """A file stands in its place."""
    find_path().parent.parent.mkdir(parents=True, exist_ok=True)
    find_path().parent.write_bytes(b"")
    assert load() == (None, None)
    with pytest.raises(SnapshotError, match="cannot be written: "):
        save(some_snapshot())


def test_a_disk_that_fails_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it."""
    save(some_snapshot())

    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SnapshotError, match="No space left"):
        save(make_snapshot("http://127.0.0.1/x", None, {"KDE": ENTRY}))
    assert load().snapshot == some_snapshot()
    assert [path.name for path in find_path().parent.iterdir()] == ["system-proxy.json"]
