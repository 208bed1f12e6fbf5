"""A file is there whole or not at all, with its permissions from the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iflow_relay.files import MAX_FILE, fresh_file, read_file, replace_file, short_path


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_replaced_with_its_permissions(tmp_path: Path, mode: int) -> None:
    """Whatever was there before; folders on the way are made, and nothing else is left."""
    path = tmp_path / "a" / "file"
    for data in (b"first", b"second, and longer"):
        replace_file(path, data, mode)
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == mode
    assert list(path.parent.iterdir()) == [path]


def test_without_a_word_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Most that is written here is nobody else's business."""
    replace_file(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Here a folder stands in the place of the file."""
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="file"):
        replace_file(path, b"data")
    assert list(tmp_path.iterdir()) == [path]


def test_a_fresh_file_is_gone_unless_it_was_moved(tmp_path: Path) -> None:
    """It is whole, and its owner's alone, as soon as it is there."""
    with fresh_file(tmp_path, ".file-", b"data") as fresh:
        assert Path(fresh).read_bytes() == b"data"
        assert Path(fresh).stat().st_mode & 0o777 == 0o600
        assert Path(fresh).name.startswith(".file-")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"data", b"x" * MAX_FILE])
def test_a_small_file_is_read(tmp_path: Path, data: bytes) -> None:
    """The largest that counts as small, too."""
    (tmp_path / "file").write_bytes(data)
    assert read_file(tmp_path / "file") == data


@pytest.mark.parametrize("name", ["none", "folder/none", "file/none", "dangling"])
def test_where_there_is_no_file_nothing_is_read(tmp_path: Path, name: str) -> None:
    """Nor where there could not be one."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert read_file(tmp_path / name) is None


def test_what_is_no_small_file_is_refused_at_once(home: Path) -> None:
    """A pipe would be waited for without an end."""
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    (home / "link").symlink_to("pipe")
    (home / "large").write_bytes(b"x" * (MAX_FILE + 1))
    for name, what in {
        "folder": "a folder, not a file",
        "pipe": "a pipe, not a file",
        "link": "a pipe, not a file",
        "large": "larger than 1 MB: it is another file",
    }.items():
        with pytest.raises(ValueError, match=rf"^~/{name} is {what}$"):
            read_file(home / name)


def test_a_path_is_shown_as_its_owner_writes_it(home: Path, tmp_path: Path) -> None:
    """What lies at home begins there."""
    assert short_path(home / ".iflow" / "x") == "~/.iflow/x"
    assert short_path(home) == "~"
    assert short_path(tmp_path / "x") == str(tmp_path / "x")
