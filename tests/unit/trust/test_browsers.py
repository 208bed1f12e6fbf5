"""Where browsers have their databases, in each of the ways that they are installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.trust.machines import Fake

from iflow_relay.trust.browsers import find_chromium, find_firefox
from iflow_relay.trust.nss import NssDatabase


def put(folder: Path) -> Path:
    """An NSS database, as far as its name tells."""
    folder.mkdir(parents=True)
    (folder / "cert9.db").touch()
    return folder


def folders(databases: list[NssDatabase]) -> list[Path]:
    return [database.folder for database in databases]


CHROMIUM = [
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    "snap/chromium/current/.local/share/pki/nssdb",
    ".var/app/com.google.Chrome/.pki/nssdb",
    ".var/app/org.chromium.Chromium/data/pki/nssdb",
]
FIREFOX = [
    ".mozilla/firefox/ab12.default-release",
    ".mozilla/firefox/a name of one's own",
    ".config/mozilla/firefox/ab12.default",
    "snap/firefox/common/.mozilla/firefox/ab12.default",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/ab12.default-release",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/ab12.default-release",
]


@pytest.mark.parametrize("place", CHROMIUM)
def test_chromiums_databases_are_found(tmp_path: Path, place: str) -> None:
    """Older and newer places, packages, snaps and flatpaks."""
    fake = Fake(tmp_path)
    folder = put(fake.home / place)
    (database,) = find_chromium(fake.machine)
    assert database.folder == folder
    assert database.present
    assert database.name == "chromium"


@pytest.mark.parametrize("place", FIREFOX)
def test_firefoxs_profiles_are_found(tmp_path: Path, place: str) -> None:
    """Older and newer places, packages, snaps and flatpaks, whatever the profile's name."""
    fake = Fake(tmp_path)
    folder = put(fake.home / place)
    (folder.parent / "Crash Reports").mkdir()
    (folder.parent / "profiles.ini").touch()
    (database,) = find_firefox(fake.machine)
    assert database.folder == folder
    assert database.present
    assert database.name == "firefox"


def test_all_of_them_are_found(tmp_path: Path) -> None:
    """Each database is a store of its own."""
    fake = Fake(tmp_path)
    found = {put(fake.home / place) for place in CHROMIUM}
    assert set(folders(find_chromium(fake.machine))) == found
    found = {put(fake.home / place) for place in FIREFOX}
    assert set(folders(find_firefox(fake.machine))) == found


def test_xdg_variables_move_them(tmp_path: Path) -> None:
    """As the browsers themselves follow them."""
    environ = {"XDG_DATA_HOME": f"{tmp_path}/data", "XDG_CONFIG_HOME": f"{tmp_path}/config"}
    machine = Fake(tmp_path, environ=environ).machine
    chromium = put(tmp_path / "data/pki/nssdb")
    firefox = put(tmp_path / "config/mozilla/firefox/x.default")
    assert folders(find_chromium(machine)) == [chromium]
    assert folders(find_firefox(machine)) == [firefox]


def test_a_chromium_without_a_database_gets_the_one_that_all_versions_read(
    tmp_path: Path,
) -> None:
    """Without a Chromium none is made."""
    fake = Fake(tmp_path)
    (database,) = find_chromium(fake.machine)
    assert not database.present
    fake.program("google-chrome")
    (database,) = find_chromium(fake.machine)
    assert database.present
    assert database.folder == fake.home / ".pki/nssdb"


def test_a_firefox_that_never_ran_has_nothing_to_change(tmp_path: Path) -> None:
    """It makes its profile at its first start, and only it can."""
    fake = Fake(tmp_path)
    fake.program("firefox")
    (database,) = find_firefox(fake.machine)
    assert not database.present


def test_on_macos_firefox_alone_has_databases(tmp_path: Path) -> None:
    """Chromium takes the keychain there."""
    fake = Fake(tmp_path, "darwin")
    profiles = fake.home / "Library/Application Support/Firefox/Profiles"
    fake.program("chromium")
    put(fake.home / ".pki/nssdb")
    assert find_chromium(fake.machine) == []
    assert folders(find_firefox(fake.machine)) == [profiles]
    put(profiles / "ab12.default-release")
    assert folders(find_firefox(fake.machine)) == [profiles / "ab12.default-release"]
