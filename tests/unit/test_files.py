"""A file is there whole or not at all, with its permissions from the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from iflow_relay.files import replace_file


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
