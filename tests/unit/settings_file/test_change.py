"""settings.json is changed without losing what others wrote, and left alone where that fails."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.errors import SettingsDamaged, SettingsNotWritten
from iflow_relay.files import MAX_FILE
from iflow_relay.jsonedit import GONE
from iflow_relay.jsontext import parse_text
from iflow_relay.settings_file import Change, Written, change_settings
from iflow_relay.settings_file import change as change_module

BEFORE = '\ufeff// mine\n{\n  "theme": "Dark", // as ever\n  "big": 1e3,\n  "apiKey": "old"\n}\n'
AFTER = '\ufeff// mine\n{\n  "theme": "Dark", // as ever\n  "big": 1e3,\n  "apiKey": "new"\n}\n'


@pytest.fixture
def path(home: Path) -> Path:
    """The file's name; not even its folder is there."""
    return home / ".iflow" / "settings.json"


@pytest.fixture
def file(path: Path) -> Path:
    """The file as somebody keeps it."""
    path.parent.mkdir()
    path.write_bytes(BEFORE.encode())
    path.chmod(0o600)
    return path


def set_key(_: Mapping[str, Any]) -> dict[str, object]:
    return {"apiKey": "new"}


def names(path: Path) -> set[str]:
    """What lies beside it, without the lock."""
    return {entry.name for entry in path.parent.iterdir()} - {".settings.json.lock"}


def test_a_member_is_set_and_all_else_stays(file: Path) -> None:
    """To the byte; nothing else is left in the folder."""
    assert change_settings(file, set_key) == Written(file, None, created=False, changed=True)
    assert file.read_bytes() == AFTER.encode()
    assert names(file) == {"settings.json"}


def test_the_change_is_asked_with_the_document(file: Path) -> None:
    """As it was read: comments and the like are no obstacle."""
    change_settings(file, lambda document: {"seen": list(document.values()), "theme": GONE})
    assert parse_text(file.read_text()) == {
        "big": 1000.0,
        "apiKey": "old",
        "seen": ["Dark", 1000.0, "old"],
    }


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(path: Path) -> None:
    """And its folder with it, whatever the umask allows."""
    before = os.umask(0)
    try:
        assert change_settings(path, set_key) == Written(path, None, created=True, changed=True)
    finally:
        os.umask(before)
    assert path.read_text() == '{\n  "apiKey": "new"\n}\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert names(path) == {"settings.json"}


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        (0o644, 0o600),
        (0o666, 0o600),
        (0o700, 0o600),
        (0o604, 0o600),
        (0o600, 0o600),
        (0o400, 0o400),
    ],
)
def test_permissions_are_never_wider_than_the_owners(file: Path, mode: int, becomes: int) -> None:
    """A file that holds a key is nobody else's business."""
    file.chmod(mode)
    change_settings(file, set_key)
    assert file.stat().st_mode & 0o777 == becomes


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("damaged", [False, True])
def test_a_file_stays_its_owners_when_root_writes_it(file: Path, damaged: bool) -> None:
    """And so does the copy of a damaged one."""
    if damaged:
        file.write_text("{")
    os.chown(file, 12345, 54321)
    backup = change_settings(file, set_key, replace_damaged=True).backup
    for entry in (file, backup or file):
        assert (entry.stat().st_uid, entry.stat().st_gid) == (12345, 54321)


@pytest.mark.parametrize("members", [{}, {"apiKey": "old"}, {"other": GONE}, {"big": 1000.0}])
def test_where_nothing_is_to_be_changed_nothing_is_written(
    file: Path, members: dict[str, object]
) -> None:
    """Not even a lock: reading is enough to know."""
    before = file.stat()
    assert change_settings(file, lambda _: members) == Written(file, None)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert list(file.parent.iterdir()) == [file]


def test_without_a_file_nothing_to_change_makes_none(path: Path) -> None:
    """Nor its folder."""
    assert change_settings(path, lambda _: {"apiKey": GONE}) == Written(path, None)
    assert not path.parent.exists()


@pytest.mark.parametrize("is_there", [False, True])
def test_what_the_change_raises_passes_and_nothing_is_written(path: Path, is_there: bool) -> None:
    """An error of the system's is no exception: it is not one of the file's."""
    if is_there:
        path.parent.mkdir()
        path.write_text("{}")

    def refuse(_: Mapping[str, Any]) -> dict[str, object]:
        raise OSError("not here")

    with pytest.raises(OSError, match="not here"):
        change_settings(path, refuse)
    assert path.parent.exists() is is_there
    assert not is_there or path.read_text() == "{}"


def test_a_link_stays_and_its_target_is_replaced(path: Path, tmp_path: Path) -> None:
    """The answer says so."""
    real = tmp_path / "dotfiles" / "iflow.json"
    real.parent.mkdir()
    real.write_bytes(BEFORE.encode())
    path.parent.mkdir()
    path.symlink_to(real)
    assert change_settings(path, set_key) == Written(real, path, changed=True)
    assert path.is_symlink()
    assert real.read_bytes() == AFTER.encode()


def test_a_file_larger_than_is_ever_read_is_not_written(file: Path) -> None:
    """Nobody could read it again."""
    with pytest.raises(SettingsNotWritten, match=r"would be larger than 1 MB\. The file is as"):
        change_settings(file, lambda _: {"x": "y" * MAX_FILE})
    assert file.read_bytes() == BEFORE.encode()


def test_what_killed_writers_left_is_removed(file: Path) -> None:
    """What others have there stays, however it is called."""
    file.with_name(".settings.json.relay-abc123").touch()
    file.with_name(".settings.json.swp").touch()
    file.with_name(".oauth_creds.json.relay-abc123").touch()
    change_settings(file, set_key)
    assert names(file) == {
        "settings.json",
        ".settings.json.swp",
        ".oauth_creds.json.relay-abc123",
    }


# --- damaged files -------------------------------------------------------------------------------

DAMAGED = {
    b"": "~/.iflow/settings.json: it is empty.",
    b"{nope": "~/.iflow/settings.json: it is no JSON (line 1: Expecting property name",
    b'{"a": 1}\n{': "~/.iflow/settings.json: it is no JSON (line 2: Extra data).",
    b"[1]": "~/.iflow/settings.json: it holds a list where an object {…} is expected.",
    b'{"a": "\xff"}': "~/.iflow/settings.json: it is not UTF-8 text.",
    b'{"a": ' + b"9" * 5000 + b"}": "~/.iflow/settings.json: it holds a number of too many digits.",
    b"[" * 200_000: "~/.iflow/settings.json: it is nested too deeply.",
    b"x" * (MAX_FILE + 1): "~/.iflow/settings.json is larger than 1 MB: it is another file.",
}


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: data[:12].decode("latin-1"))
def test_a_damaged_file_is_left_as_it_is(file: Path, data: bytes) -> None:
    """Until somebody says otherwise; the message says what is wrong and what would happen."""
    file.write_bytes(data)
    with pytest.raises(SettingsDamaged) as caught:
        change_settings(file, set_key)
    assert caught.value.message.startswith(DAMAGED[data])
    assert caught.value.message.endswith(
        " It was left as it is; if it is replaced, a copy is kept beside it."
    )
    assert file.read_bytes() == data
    assert names(file) == {"settings.json"}


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: data[:12].decode("latin-1"))
def test_a_damaged_file_is_kept_in_a_copy_when_it_is_replaced(file: Path, data: bytes) -> None:
    """Byte by byte, for its owner alone."""
    file.write_bytes(data)
    file.chmod(0o644)
    written = change_settings(file, set_key, replace_damaged=True)
    backup = written.backup
    assert written == Written(file, None, created=False, changed=True, backup=backup)
    assert backup
    assert re.fullmatch(r"settings\.json\.damaged-\d{8}-\d{6}", backup.name)
    assert backup.read_bytes() == data
    assert {entry.stat().st_mode & 0o777 for entry in (file, backup)} == {0o600}
    assert file.read_text() == '{\n  "apiKey": "new"\n}\n'


def test_a_copy_never_takes_the_place_of_another(file: Path) -> None:
    """Even within the same second."""
    kept = set()
    for number in range(3):
        file.write_text(f"damage {number}")
        backup = change_settings(file, set_key, replace_damaged=True).backup
        assert backup
        kept.add((backup, backup.read_text()))
    assert {text for _, text in kept} == {"damage 0", "damage 1", "damage 2"}
    assert len({backup for backup, _ in kept}) == 3


def test_where_nothing_is_to_be_changed_a_damaged_file_stays(file: Path) -> None:
    """There would be nothing in the new one."""
    file.write_text("{nope")
    assert change_settings(file, lambda _: {}, replace_damaged=True) == Written(file, None)
    assert names(file) == {"settings.json"}


def test_a_sound_file_is_not_copied(file: Path) -> None:
    """Whatever may be replaced."""
    assert change_settings(file, set_key, replace_damaged=True).backup is None
    assert file.read_bytes() == AFTER.encode()


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkdir, "a folder"),
        (os.mkfifo, "a pipe"),
        (lambda p: os.symlink("/dev/null", p), "a dev"),
    ],
)
def test_what_is_no_file_is_neither_waited_for_nor_replaced(
    path: Path, make: Callable[[Path], None], what: str, replace: bool
) -> None:
    """It is told what it is."""
    path.parent.mkdir()
    make(path)
    with pytest.raises(
        SettingsNotWritten, match=rf"is {what}.*, not a file\. Move it away first\."
    ):
        change_settings(path, set_key, replace_damaged=replace)


# --- others who write ----------------------------------------------------------------------------


def replace(path: Path, text: str) -> None:
    """Save as vim and most others do."""
    path.with_name("edit").write_text(text)
    path.with_name("edit").replace(path)


def write_into(path: Path, text: str) -> None:
    """Save as nano and `>` do."""
    path.write_text(text)


SAVES = (replace, write_into)


def while_edited(path: Path, edits: list[Callable[[], None]]) -> Change:
    """A change during which somebody else edits the file, each time that it is asked for."""

    def change(document: Mapping[str, Any]) -> dict[str, object]:
        if edits:
            edits.pop(0)()
        return {"apiKey": f"{document.get('apiKey')}+", "n": document.get("n")}

    return change


@pytest.mark.parametrize("save", SAVES)
def test_an_edit_between_reading_and_writing_is_not_lost(
    file: Path, save: Callable[[Path, str], None]
) -> None:
    """The change is made anew, to what is there now."""
    edits = [lambda: save(file, '{"n": 1}'), lambda: save(file, '{"n": 2, "apiKey": "x"}')]
    change_settings(file, while_edited(file, edits))
    assert json.loads(file.read_text()) == {"n": 2, "apiKey": "x+"}


@pytest.mark.parametrize("save", SAVES)
def test_an_edit_of_the_same_length_is_not_lost(
    file: Path, save: Callable[[Path, str], None]
) -> None:
    """Not even one that leaves the date as it was."""
    file.write_text('{"n": 1}')
    found = file.stat()

    def edit() -> None:
        save(file, '{"n": 2}')
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))

    change_settings(file, while_edited(file, [lambda: None, edit]))
    assert json.loads(file.read_text())["n"] == 2


def test_a_file_that_somebody_makes_meanwhile_is_not_replaced(path: Path) -> None:
    """It is changed as any other."""
    path.parent.mkdir()
    edits = [lambda: None, lambda: write_into(path, '{"n": 1}')]
    written = change_settings(path, while_edited(path, edits))
    assert json.loads(path.read_text()) == {"n": 1, "apiKey": "None+"}
    assert not written.created


def test_a_file_that_somebody_removes_meanwhile_is_made_anew(file: Path) -> None:
    """With what the change makes of nothing."""
    written = change_settings(file, while_edited(file, [lambda: None, file.unlink]))
    assert json.loads(file.read_text()) == {"apiKey": "None+", "n": None}
    assert written.created


def test_a_file_that_never_rests_is_given_up(file: Path) -> None:
    """What was saved last is there, and nothing else."""
    count = 0

    def change(_: Mapping[str, Any]) -> dict[str, object]:
        nonlocal count
        count += 1
        replace(file, json.dumps({"n": count}))
        return {"apiKey": "new"}

    with pytest.raises(SettingsNotWritten, match="another program changes it all the time"):
        change_settings(file, change)
    assert json.loads(file.read_text()) == {"n": count}
    assert names(file) == {"settings.json"}


def test_a_file_that_is_just_being_written_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it is no JSON, but no damage either."""
    rest = ["", '{"n": ', '{"n": 1}']
    file.write_text(rest.pop(0))
    monkeypatch.setattr(change_module, "pause", lambda _: file.write_text(rest.pop(0)))
    change_settings(file, lambda document: {"seen": document.get("n")}, replace_damaged=True)
    assert json.loads(file.read_text()) == {"n": 1, "seen": 1}
    assert names(file) == {"settings.json"}
