"""A file takes another's place, and what somebody saved there meanwhile is not destroyed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iflow_relay.settings_file import swap
from iflow_relay.settings_file.swap import take_place

Save = Callable[[], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file whose place is taken; the new one lies beside it."""
    (tmp_path / "fresh").write_text("ours")
    (tmp_path / "file").write_text("old")
    return tmp_path / "file"


def take(path: Path, *saves: Save) -> bool:
    """Take its place, while an editor saves each time after somebody has looked."""
    waiting = list(saves)

    def is_old(name: str) -> bool:
        is_it = Path(name).read_text() == "old"
        if waiting:
            waiting.pop(0)()
        return is_it

    return take_place(str(path.with_name("fresh")), str(path), is_old)


def save(path: Path, text: str) -> Save:
    """Save as editors do: a new file in the place of the old one."""

    def do() -> None:
        path.with_name("edit").write_text(text)
        path.with_name("edit").replace(path)

    return do


def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system, or a disk, that cannot exchange files."""
    monkeypatch.setattr(swap, "_load_rename", lambda: None)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_file_takes_the_place_of_the_one_that_was_expected(
    path: Path, can_exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the system can exchange files or not."""
    if not can_exchange:
        without_exchange(monkeypatch)
    assert take(path)
    assert path.read_text() == "ours"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_another_file_stays_where_it_is(
    path: Path, can_exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was saved before anybody looked."""
    if not can_exchange:
        without_exchange(monkeypatch)
    save(path, "edited")()
    assert not take(path)
    assert path.read_text() == "edited"


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges files")


@linux_only
def test_what_was_saved_after_the_look_is_put_back(path: Path) -> None:
    """In the moment in which a plain move would destroy it."""
    assert not take(path, save(path, "edited"))
    assert path.read_text() == "edited"


@linux_only
def test_what_was_written_into_the_file_after_the_look_is_put_back(path: Path) -> None:
    """Some editors write into the file that is there."""
    assert not take(path, lambda: path.write_text("edited"))
    assert path.read_text() == "edited"


@linux_only
def test_of_two_that_were_saved_the_newer_is_put_back(path: Path) -> None:
    """The second comes while the first is still aside."""
    assert not take(path, save(path, "first"), save(path, "second"))
    assert path.read_text() == "second"


@linux_only
@pytest.mark.parametrize("saves", [0, 1])
def test_a_file_that_was_removed_stays_away(path: Path, saves: int) -> None:
    """Before the move, or while what was saved in between is still aside."""
    assert not take(path, *[save(path, "edited")] * saves, path.unlink)
    assert not path.exists()
