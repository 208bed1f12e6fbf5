"""Text files for an agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iflow_relay.agent.textfiles import MAX_READ, MAX_WRITE, read_text, write_text

TEXT = "one\ntwo\u2028still two\nthree\n"


@pytest.mark.parametrize(
    ("line", "limit", "text"),
    [
        (None, None, TEXT),
        (1, None, TEXT),
        (0, 1, "one"),
        (2, 1, "two\u2028still two"),
        (2, 2, "two\u2028still two\nthree"),
        (3, 100, "three\n"),
        (9, None, ""),
        (None, 0, ""),
    ],
)
def test_lines_are_counted_from_one(
    tmp_path: Path, line: int | None, limit: int | None, text: str
) -> None:
    """Only line feeds end them."""
    path = tmp_path / "file"
    path.write_bytes(TEXT.encode())
    assert read_text(path, line, limit) == text


def test_bytes_that_are_no_text_are_read_all_the_same(tmp_path: Path) -> None:
    """A wrong letter is no reason to keep the rest."""
    path = tmp_path / "file"
    path.write_bytes(b"a\xffb")
    assert read_text(path, None, None) == "a\N{REPLACEMENT CHARACTER}b"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Nor written."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * MAX_READ)
    assert len(read_text(path, None, None)) == MAX_READ
    path.write_bytes(b"x" * (MAX_READ + 1))
    with pytest.raises(ValueError, match="larger than 4 MB"):
        read_text(path, None, None)
    with pytest.raises(ValueError, match="larger than 16 MB"):
        write_text(path, "x" * (MAX_WRITE + 1))


@pytest.mark.skipif(os.name != "posix", reason="pipes are files there")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Neither to read nor to write."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="no file"):
        read_text(path, None, None)
    with pytest.raises(OSError, match="No such device"):
        write_text(path, "x")


@pytest.mark.skipif(os.name != "posix", reason="links need no right there")
def test_a_link_that_has_come_in_between_is_not_followed(tmp_path: Path) -> None:
    """Where it leads was checked before."""
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("kept")
    with pytest.raises(OSError, match="symbolic links"):
        read_text(path, None, None)
    with pytest.raises(OSError, match="symbolic links"):
        write_text(path, "x")
    assert (tmp_path / "target").read_text() == "kept"


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """With the folders it lies in; what stood there is gone."""
    path = tmp_path / "a" / "b"
    write_text(path, "a longer text")
    write_text(path, "short \ud800")
    assert path.read_text() == "short ?"
