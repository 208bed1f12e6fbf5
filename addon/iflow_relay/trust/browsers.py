"""Where browsers have their NSS databases."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .machine import Machine
from .nss import NssDatabase, is_database

_CHROMIUM: Final = (
    ".pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    "snap/chromium/current/.local/share/pki/nssdb",
    ".var/app/*/.pki/nssdb",
    ".var/app/*/data/pki/nssdb",
)
_CHROMIUM_PROGRAMS: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
)
_FIREFOX: Final = (
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    "snap/firefox/common/.config/mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
)
_FIREFOX_MAC: Final = "Library/Application Support/Firefox/Profiles/*"


def find_chromium(machine: Machine) -> list[NssDatabase]:
    """Chromium's databases and those of its kin; the one to make where there is none yet.

    Where ~/.pki/nssdb is, all versions use it; those since 146 else use the XDG folder.
    """
    if machine.platform == "darwin":
        return []  # There it takes the keychain's.
    places = [*_glob(machine.home, _CHROMIUM), _xdg(machine, "DATA", ".local/share") / "pki/nssdb"]
    found = [NssDatabase("chromium", path, machine) for path in places if is_database(path)]
    is_used = any(map(machine.find, _CHROMIUM_PROGRAMS))
    return found or [NssDatabase("chromium", machine.home / ".pki/nssdb", machine, is_used)]


def find_firefox(machine: Machine) -> list[NssDatabase]:
    """A database for each profile."""
    if machine.platform == "darwin":
        places = _glob(machine.home, (_FIREFOX_MAC,))
        usual = machine.home / _FIREFOX_MAC.removesuffix("/*")
    else:
        modern = _xdg(machine, "CONFIG", ".config") / "mozilla/firefox"  # since 147
        places = [*_glob(machine.home, _FIREFOX), *_glob(modern, ("*",))]
        usual = machine.home / ".mozilla/firefox"
    found = [NssDatabase("firefox", path, machine) for path in places if is_database(path)]
    return found or [NssDatabase("firefox", usual, machine, present=False)]


def _xdg(machine: Machine, kind: str, default: str) -> Path:
    return Path(machine.environ.get(f"XDG_{kind}_HOME") or machine.home / default)


def _glob(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]
