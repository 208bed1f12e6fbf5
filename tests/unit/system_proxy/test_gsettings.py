"""The real gsettings, with a file of the test's own behind it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from iflow_relay.system_proxy import gnome
from iflow_relay.system_proxy.desktop import Desktop
from iflow_relay.system_proxy.programs import run

PAC = "http://127.0.0.1:8000/proxy.pac"


@pytest.fixture
def keyfile(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings are kept, in the test's own home and nowhere else."""
    monkeypatch.setenv("GSETTINGS_BACKEND", "keyfile")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    return home / "glib-2.0" / "settings" / "keyfile"


@pytest.fixture
def desktop(keyfile: Path) -> Desktop:
    """GNOME's settings, as far as they are installed."""
    if not shutil.which("gsettings"):
        pytest.skip("no gsettings")
    version = run(["gsettings", "--version"]).strip().split(".")
    if [int(part) for part in version[:2]] < [2, 62]:
        pytest.skip("a GLib before 2.62 has no keyfile and would write to the user's own settings")
    found = gnome.find(run, os.environ, shutil.which)
    if not found:
        pytest.skip("no schema org.gnome.system.proxy (gsettings-desktop-schemas)")
    return found[0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[system/proxy]\nmode='manual'\n",
        "[system/proxy]\nmode='auto'\nautoconfig-url='http://pac.example.com/täglich'\n",
        "[system/proxy]\nautoconfig-url=\"http://it's/\\\\a?b='c'\"\n",
    ],
)
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_what_is_set_is_put_back_exactly(
    desktop: Desktop,
    keyfile: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    locale: str,
) -> None:
    """In any locale: in that of a system service, gsettings alone would print `?` for `ä`."""
    monkeypatch.setenv("LC_ALL", locale)
    keyfile.parent.mkdir(parents=True, exist_ok=True)
    keyfile.write_text(content, "utf-8")
    before = desktop.read()
    desktop.write(PAC)
    assert desktop.read() == desktop.wanted(PAC)
    assert desktop.pac(desktop.read()) == PAC
    desktop.restore(before)
    assert desktop.read() == before
    assert lines(keyfile.read_text("utf-8")) == lines(content)


def lines(content: str) -> list[str]:
    """The settings in a keyfile, in order."""
    return sorted(line for line in content.splitlines() if "=" in line)
