"""The locks beside settings.json: one holder at a time, thread or process."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from iflow_relay.errors import SettingsNotWritten
from iflow_relay.settings_file import change_settings, hold


@pytest.fixture
def path(home: Path) -> Path:
    """The file's name; not even its folder is there."""
    return home / ".iflow" / "settings.json"


@pytest.mark.parametrize(
    ("what", "name"),
    [("settings", ".settings.json.lock"), ("renewal", ".settings.json.renewal.lock")],
)
def test_a_lock_is_a_file_beside_the_settings(path: Path, what: str, name: str) -> None:
    """For its owner alone, as is the folder."""
    with hold(path, what):
        assert [entry.name for entry in path.parent.iterdir()] == [name]
    assert (path.parent / name).stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_lock_that_is_held_is_waited_for_and_then_given_up(path: Path) -> None:
    """Within one process, too; what is said is for people."""
    with (
        hold(path, "settings"),
        pytest.raises(SettingsNotWritten) as caught,
        hold(path, "settings", patience=0.05),
    ):
        pytest.fail("two hold the same lock")
    assert caught.value.message == (
        "~/.iflow/settings.json is in use: another program has held its lock for 0 s. "
        "Nothing was written; try again."
    )


def test_a_lock_is_free_again_however_its_holder_has_ended(path: Path) -> None:
    """Here by an error."""
    with pytest.raises(KeyError), hold(path, "renewal"):
        raise KeyError
    with hold(path, "renewal", patience=0):
        pass


def test_both_locks_can_be_held_at_once(path: Path) -> None:
    """A renewal writes the file while it keeps others from renewing."""
    with hold(path, "renewal"):
        assert change_settings(path, lambda _: {"a": 1}).changed


def test_the_lock_of_a_linked_file_lies_beside_the_real_one(path: Path, tmp_path: Path) -> None:
    """So that all names of a file have the same lock."""
    real = tmp_path / "real.json"
    real.touch()
    path.parent.mkdir()
    path.symlink_to(real)
    with (
        hold(path, "settings"),
        pytest.raises(SettingsNotWritten, match="in use"),
        hold(real, "settings", patience=0),
    ):
        pytest.fail("two hold the same lock")


def test_threads_wait_for_each_other(path: Path) -> None:
    """No change of any of them is lost."""

    def count() -> None:
        for _ in range(25):
            change_settings(path, lambda document: {"n": document.get("n", 0) + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == '{\n  "n": 100\n}\n'


def test_a_lock_that_cannot_be_made_is_told_of(path: Path) -> None:
    """Here a folder has its name."""
    path.parent.mkdir()
    path.with_name(".settings.json.lock").mkdir()
    with pytest.raises(SettingsNotWritten) as caught:
        change_settings(path, lambda _: {"a": 1})
    assert caught.value.message == (
        "~/.iflow/settings.json cannot be written: a folder has its name, or its lock's. "
        "Nothing was written."
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_what_root_makes_in_somebodys_folder_is_theirs(path: Path) -> None:
    """A lock that belonged to root would keep the owner from ever writing again."""
    path.parent.mkdir()
    os.chown(path.parent, 12345, 54321)
    change_settings(path, lambda _: {"a": 1})
    entries = [path, path.with_name(".settings.json.lock")]
    assert sorted(path.parent.iterdir()) == sorted(entries)
    assert {(entry.stat().st_uid, entry.stat().st_gid) for entry in entries} == {(12345, 54321)}
