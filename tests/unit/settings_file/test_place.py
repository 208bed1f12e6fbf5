"""Where settings.json really is, and what links say about that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iflow_relay.errors import SettingsNotWritten
from iflow_relay.settings_file import change_settings, where


@pytest.fixture
def path(home: Path) -> Path:
    """The file's name, in a folder that is there; the file is not."""
    (home / ".iflow").mkdir()
    return home / ".iflow" / "settings.json"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_plain_file_is_where_its_name_says(path: Path, is_there: bool) -> None:
    """Whether it is there yet or not."""
    if is_there:
        path.touch()
    assert where(path) == (path, None)


def test_a_file_in_no_folder_is_where_it_will_be(home: Path) -> None:
    """The folder is made with it."""
    assert where(home / "a" / "settings.json") == (home / "a" / "settings.json", None)


def test_a_relative_name_counts_from_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every program."""
    monkeypatch.chdir(path.parent)
    assert where(Path("settings.json")) == (path, None)


def test_a_linked_file_is_where_the_link_leads(path: Path, tmp_path: Path) -> None:
    """Through further links, too; the first is the one that is spoken of."""
    (tmp_path / "real.json").touch()
    (tmp_path / "second").symlink_to("real.json")
    path.symlink_to(tmp_path / "second")
    assert where(path) == (tmp_path / "real.json", path)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_linked_folder_is_spoken_of(home: Path, tmp_path: Path, is_there: bool) -> None:
    """The file in it need not be there yet."""
    (home / ".iflow").symlink_to(tmp_path)
    if is_there:
        (tmp_path / "settings.json").touch()
    path = home / ".iflow" / "settings.json"
    assert where(path) == (tmp_path / "settings.json", home / ".iflow")


def test_a_link_above_the_folder_is_nobodys_business(home: Path, tmp_path: Path) -> None:
    """A home that lies elsewhere is still the home."""
    (tmp_path / "home").symlink_to(home)
    path = tmp_path / "home" / ".iflow" / "settings.json"
    assert where(path) == (home / ".iflow" / "settings.json", None)


def test_a_link_of_the_systems_own_is_not_spoken_of() -> None:
    """Such as /tmp on macOS, or /bin on most Linux systems."""
    links = [entry for entry in Path("/").iterdir() if entry.is_symlink() and entry.is_dir()]
    if not links:
        pytest.skip("this system has no such links")
    assert where(links[0] / "x.json") == (links[0].resolve() / "x.json", None)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_to_nowhere_is_refused(home: Path, what: str) -> None:
    """What it leads to may be on a disk that is not there at the moment."""
    link = home / ".iflow"
    if what == "file":
        link.mkdir()
        link /= "settings.json"
    link.symlink_to("../gone")
    with pytest.raises(SettingsNotWritten) as caught:
        change_settings(home / ".iflow" / "settings.json", lambda _: {"a": 1})
    assert caught.value.message == (
        f"~/{link.relative_to(home)} is a link to ../gone, which is not there: "
        "make that, or remove the link. Nothing was written."
    )
    assert os.readlink(link) == "../gone"


def test_a_link_in_a_circle_is_refused(path: Path) -> None:
    """Nobody could ever have read it."""
    path.symlink_to("other")
    path.with_name("other").symlink_to(path)
    with pytest.raises(SettingsNotWritten) as caught:
        change_settings(path, lambda _: {"a": 1})
    assert caught.value.message == (
        "~/.iflow/settings.json is a link that leads back to itself: remove it. "
        "Nothing was written."
    )
