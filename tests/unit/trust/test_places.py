"""Which stores a machine has, and what stands in the way of changing them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.trust.authorities import make_authority
from tests.unit.trust.machines import Fake

from iflow_relay.trust.authority import Authority
from iflow_relay.trust.places import NAMES, list_stores, plan_install, plan_uninstall

DEBIAN = "usr/local/share/ca-certificates"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that is to be trusted."""
    return make_authority(tmp_path / "conf")


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux", ["debian", "red-hat", "suse", "arch", "chromium", "firefox"]),
        ("darwin", ["macos", "firefox"]),
        ("win32", ["windows"]),
    ],
)
def test_each_system_has_its_stores(tmp_path: Path, platform: str, names: list[str]) -> None:
    """Present or not; of those asked for, the ones that it may have."""
    machine = Fake(tmp_path, platform).machine
    assert [store.name for store in list_stores(machine)] == names
    assert set(names) <= set(NAMES)
    assert [store.name for store in list_stores(machine, ["firefox", names[0]])] == [
        name for name in names if name in ("firefox", names[0])
    ]


def test_stores_that_are_not_here_are_not_changed(tmp_path: Path, authority: Authority) -> None:
    """Nor looked into."""
    machine = Fake(tmp_path).machine
    stores = list_stores(machine)
    assert plan_install(machine, stores, authority) == []
    assert plan_uninstall(machine, stores, authority) == []


@pytest.mark.parametrize("is_root", [True, False])
def test_what_needs_root_is_left_to_the_reader(
    tmp_path: Path, authority: Authority, is_root: bool
) -> None:
    """With the steps all the same, to be printed."""
    fake = Fake(tmp_path, is_root=is_root)
    (fake.root / DEBIAN).mkdir(parents=True)
    fake.program("update-ca-certificates")
    (change,) = plan_install(fake.machine, list_stores(fake.machine), authority)
    assert len(change.steps) == 2
    assert change.by_hand is not is_root
    assert change.obstacle == ("" if is_root else "only root can change it")
    assert fake.calls() == []


def test_a_program_that_is_missing_stands_in_the_way(tmp_path: Path, authority: Authority) -> None:
    """By hand it would not work either."""
    fake = Fake(tmp_path)
    (fake.root / DEBIAN).mkdir(parents=True)
    (change,) = plan_install(fake.machine, list_stores(fake.machine), authority)
    assert change.obstacle == "update-ca-certificates is not installed"
    assert not change.by_hand


def test_a_store_that_cannot_be_read_is_not_changed(tmp_path: Path, authority: Authority) -> None:
    """Who knows what is in it."""
    fake = Fake(tmp_path)
    (fake.home / ".pki/nssdb").mkdir(parents=True)
    (fake.home / ".pki/nssdb/cert9.db").touch()
    fake.program("certutil", "sys.exit('bad database')")
    (change,) = plan_install(fake.machine, list_stores(fake.machine), authority)
    assert change.obstacle == "bad database"
    (change,) = plan_uninstall(fake.machine, list_stores(fake.machine), authority)
    assert change.steps == []
    assert change.found.note == "bad database"


def test_a_store_that_trusts_it_needs_nothing(tmp_path: Path, authority: Authority) -> None:
    """Nothing stands in the way of nothing."""
    fake = Fake(tmp_path)
    (fake.root / DEBIAN).mkdir(parents=True)
    bundle = fake.root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(authority.pem)
    (change,) = plan_install(fake.machine, list_stores(fake.machine), authority)
    assert change.steps == []
    assert change.obstacle == ""
