"""A machine with made-up desktops: their programs on PATH, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fake_program.sh")

GNOME = ("gsettings",)
KDE = ("kreadconfig6", "kwriteconfig6", "dbus-send")
KDE5 = ("kreadconfig5", "kwriteconfig5")
MACOS = ("networksetup",)
WINDOWS = ("reg",)


class Machine:
    """A folder of programs that share a memory.

    Its state is told by program: `gsettings={"mode": "'auto'"}`, `kde={"ProxyType": "2"}`,
    `networksetup={"Wi-Fi": service(None)}`, `reg={"AutoConfigURL": ["REG_SZ", "…"]}`, and
    `broken={"reg": "what it says"}`.
    """

    def __init__(self, folder: Path, *programs: str, **state: Any) -> None:
        self.path = folder
        self._memory = folder / "state"
        folder.mkdir(parents=True)
        for name in programs:
            shutil.copy(SOURCE, folder / name)
            (folder / name).chmod(0o755)
            place = "kde" if name.startswith("k") else name
            (self._memory / place).mkdir(parents=True, exist_ok=True)
        self.change(**state)

    @property
    def state(self) -> dict[str, Any]:
        """What is set now, with the names of programs that have nothing set."""
        places = {path.name: path for path in self._memory.iterdir() if path.name != "dbus-send"}
        return {name: _read(path) for name, path in places.items()}

    def set(self, **state: Any) -> None:
        """Set everything by hand."""
        shutil.rmtree(self._memory)
        self.change(**state)

    def change(self, **state: Any) -> None:
        """Set some of it by hand."""
        for name, values in state.items():
            shutil.rmtree(self._memory / name, ignore_errors=True)
            _write(self._memory / name, values)

    def calls(self) -> list[list[str]]:
        """What the programs were asked since the last look."""
        path = self.path / "calls"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.split("\t") for line in lines]


def service(url: str | None, on: bool = False, disabled: bool = False) -> dict[str, Any]:
    """A network service of a Mac."""
    return {"url": url, "on": on, "disabled": disabled}


def _write(folder: Path, values: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    for name, value in values.items():
        if isinstance(value, Mapping):
            _write(folder / name, value)
        elif value is not None and value is not False:
            text = "    ".join(value) if isinstance(value, list) else str(value)
            (folder / name).write_text(text, "utf-8")


def _read(folder: Path) -> dict[str, Any]:
    if folder.name == "networksetup":
        return {path.name: _read_service(path) for path in folder.iterdir()}
    values = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    if folder.name == "reg":
        return {name: text.split("    ", 1) for name, text in values.items()}
    return values


def _read_service(folder: Path) -> dict[str, Any]:
    url = folder / "url"
    return service(
        url.read_text("utf-8") if url.exists() else None,
        on=(folder / "on").exists(),
        disabled=(folder / "disabled").exists(),
    )
