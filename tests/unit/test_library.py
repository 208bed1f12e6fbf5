"""models.toml: re-read when it changes, and the last good one while it is broken."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import platformdirs
import pytest

from iflow_relay.catalog import BUILTIN, Overlay
from iflow_relay.credential import BaseUrl, parse_base_url
from iflow_relay.library import Library


@pytest.fixture
def own() -> Path:
    """The user's models.toml, not yet there."""
    path = platformdirs.user_config_path("iflow-relay") / "models.toml"
    path.parent.mkdir(parents=True)
    return path


def write(path: Path, *ids: str, clock: int = 1) -> None:
    """Entries with these ids, written at this second."""
    path.write_text("".join(f'[[model]]\nid = "{name}"\n' for name in ids), "utf-8")
    os.utime(path, (clock, clock))


def test_without_a_file_nothing_is_changed() -> None:
    """Most users have none."""
    library = Library()
    assert library.overlay() == Overlay()
    assert library.overlay_ids() == frozenset()
    assert library.learned(parse_base_url("https://api.example.com/v1")) is None


def test_the_users_file_is_read(own: Path) -> None:
    """It lies where the platform keeps configuration."""
    write(own, "a", "b")
    assert Library().overlay_ids() == {"a", "b"}


def test_a_change_is_seen_without_a_restart(own: Path) -> None:
    """So is a file that appears, and one that goes."""
    library = Library()
    assert library.overlay_ids() == frozenset()
    write(own, "a", clock=1)
    assert library.overlay_ids() == {"a"}
    write(own, "b", clock=2)
    assert library.overlay_ids() == {"b"}
    own.unlink()
    assert library.overlay_ids() == frozenset()


def test_a_file_that_has_not_changed_is_not_read_again(own: Path) -> None:
    """A `stat` is cheap, reading and parsing is not."""
    write(own, "a")
    library = Library()
    first = library.overlay()
    assert library.overlay() is first


@pytest.mark.parametrize(
    "broken",
    [b"[[model]", b"[[model]]\n", b"\xff", b"model = ['a']", b"model = " + b"[" * 20_000],
    ids=["toml", "no id", "no text", "no tables", "deep"],
)
def test_while_the_file_is_broken_the_last_good_one_serves(
    own: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The user is told once, not at every request."""
    write(own, "a", clock=1)
    library = Library()
    assert library.overlay_ids() == {"a"}
    own.write_bytes(broken)
    with caplog.at_level(logging.WARNING):
        assert library.overlay_ids() == {"a"}
        assert library.overlay_ids() == {"a"}
    assert len(caplog.records) == 1
    assert str(own) in caplog.text
    write(own, "b", clock=3)
    assert library.overlay_ids() == {"b"}


def test_a_file_with_a_bom_is_read(own: Path) -> None:
    """An editor on Windows may have put it there."""
    own.write_bytes(b'\xef\xbb\xbf[[model]]\nid = "a"\n')
    assert Library().overlay_ids() == {"a"}


def test_a_file_that_the_option_names_stands_in(own: Path, tmp_path: Path) -> None:
    """The user's own file counts again once the option does not name another."""
    named = tmp_path / "team.toml"
    write(own, "mine")
    write(named, "ours")
    library = Library()
    library.use(str(named))
    assert library.overlay_ids() == {"ours"}
    for word in ("auto", "builtin", "upstream"):
        library.use(word)
        assert library.overlay_ids() == {"mine"}


def test_another_file_does_not_serve_the_first_ones_entries(tmp_path: Path) -> None:
    """The last good overlay belongs to the file that it came from."""
    good, broken = tmp_path / "good.toml", tmp_path / "broken.toml"
    write(good, "a")
    broken.write_text("[[model]")
    library = Library()
    library.use(str(good))
    assert library.overlay_ids() == {"a"}
    library.use(str(broken))
    assert library.overlay_ids() == frozenset()


def test_what_the_upstream_listed_is_remembered() -> None:
    """For each upstream its last list, in its order; an empty one is one, too."""
    library = Library()
    library.learn(IFLOW, ["a", "b"])
    library.learn(IFLOW, iter(["d", "c"]))
    assert library.learned(IFLOW) == ("d", "c")
    assert library.learned(OTHER) is None
    library.learn(OTHER, ())
    assert library.learned(OTHER) == ()


IFLOW = parse_base_url("https://apis.iflow.cn/v1")
OTHER = parse_base_url("https://api.example.com/v1")


@pytest.mark.parametrize(
    ("models", "base_url", "ids"),
    [
        ("auto", IFLOW, [model.id for model in BUILTIN]),
        ("auto", OTHER, None),
        ("builtin", OTHER, [model.id for model in BUILTIN]),
        ("upstream", IFLOW, None),
    ],
)
def test_whose_the_list_is(models: str, base_url: BaseUrl, ids: list[str] | None) -> None:
    """The built-in table is iFlow's; elsewhere the upstream is asked, unless it is told not to."""
    library = Library()
    library.use(models)
    own = library.own_list(base_url)
    listed = None if own is None else [str(entry["id"]) for entry in own]
    assert listed == ids


def test_a_named_file_is_the_whole_list(tmp_path: Path) -> None:
    """What is not in it is not offered, and no upstream is asked."""
    named = tmp_path / "mine.toml"
    named.write_text('[[model]]\nid = "only"\n')
    library = Library()
    library.use(str(named))
    for base_url in (IFLOW, OTHER):
        own = library.own_list(base_url)
        assert own
        assert [entry["id"] for entry in own] == ["only"]
