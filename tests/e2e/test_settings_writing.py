"""settings.json under fire: writers that are killed, that race, editors, and disks that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.programs import make_environment

APPS = Path(__file__).parent / "apps"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these programs fork")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: a disk's own pace would take minutes."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


@pytest.fixture
def path(folder: Path) -> Path:
    """Where the file is."""
    return folder / "settings.json"


def start(home: Path, program: str, *arguments: object, within: Sequence[str] = ()) -> str:
    """Run one of the programs beside this file to its end; what it prints."""
    command = [*within, sys.executable, str(APPS / program), *map(str, arguments)]
    done = subprocess.run(
        command, env=make_environment(home), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(home: Path, program: str, *arguments: object, within: Sequence[str] = ()) -> Any:
    """The same for one that prints JSON."""
    return json.loads(start(home, program, *arguments, within=within))


def test_a_thousand_kills_leave_the_file_whole(path: Path) -> None:
    """Two writers are killed at random moments; whatever one had finished is still there.

    The program itself looks after each kill: the file is valid and its owner's alone, what nobody
    has changed is there to the byte, and no number has gone back.
    """
    result = read(path.parent, "settings_kills.py", path, 1000, os.getpid())
    assert result["kills"] >= 1000
    assert result["interrupted"] > 0, "nobody was killed while writing: this shows nothing"
    assert min(result["written"].values()) > 10
    assert result["most_left"] <= 2
    assert result["left"] == 0, "the next writer removes what killed ones have left"


@pytest.mark.parametrize("processes", [2, 8])
def test_no_update_of_any_process_is_lost(path: Path, processes: int) -> None:
    """Each counts the same member up, two hundred times."""
    start(path.parent, "settings_counts.py", path, processes, 200)
    assert json.loads(path.read_text()) == {"n": processes * 200}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere some microseconds are open")
@pytest.mark.parametrize("how", ["replace", "write"])
def test_no_save_of_an_editor_is_lost(path: Path, how: str) -> None:
    """It knows nothing of the lock, and saves while a process rewrites the file all the time."""
    result = read(path.parent, "settings_editor.py", path, 300, how)
    assert result["lost"] == 0
    assert result["rewritten"] > 300


# --- disks that fail -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def own_mounts() -> list[str]:
    """The start of a command that may mount for itself alone; skips where that is not allowed."""
    within = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    probe = [*within, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode:
        pytest.skip(f"no mount namespace: {done.stderr.strip()}")
    return within


REASONS = {
    "full": "no space is left on the device",
    "nearly": "no space is left on the device",
    "inodes": "no space is left on the device",
    "readonly": "the file system is read-only",
}


@pytest.mark.parametrize("state", REASONS)
def test_a_disk_that_fails_leaves_the_old_file(
    tmp_path: Path, own_mounts: list[str], state: str
) -> None:
    """It is said in words, nothing is left behind, and later it works."""
    folder = tmp_path / ".iflow"
    folder.mkdir()
    assert read(tmp_path, "settings_disk.py", folder, state, within=own_mounts) == {
        "message": f"~/.iflow/settings.json cannot be written: {REASONS[state]}. "
        "The file is as it was.",
        "intact": True,
        "left": [],
        "later": "new",
    }


@pytest.fixture(scope="session")
def as_user() -> list[str]:
    """The start of a command that runs without root's powers; empty where there are none."""
    if os.geteuid() != 0:
        return []
    within = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    try:
        done = subprocess.run([*within, "true"], capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode:
        pytest.skip(f"no user namespace: {done.stderr.strip()}")
    return within


@pytest.mark.parametrize("is_there", [False, True])
def test_a_home_that_may_not_be_written_is_told_of(
    tmp_path: Path, as_user: list[str], is_there: bool
) -> None:
    """Its folder, or the home in which that would be made."""
    folder = tmp_path / ".iflow"
    path = folder / "settings.json"
    if is_there:
        folder.mkdir()
        path.write_text("{}")
        folder.chmod(0o500)
    tmp_path.chmod(0o500)
    try:
        message = start(tmp_path, "settings_write.py", path, within=as_user)
    finally:
        tmp_path.chmod(0o700)
    kept = "The file is as it was." if is_there else "Nothing was written."
    where = "~/.iflow" if is_there else "~"
    reason = f"you may not write in {where}"
    assert message == f"~/.iflow/settings.json cannot be written: {reason}. {kept}\n"


def test_a_file_that_may_not_be_read_is_not_written(tmp_path: Path, as_user: list[str]) -> None:
    """What is in it would be lost."""
    path = tmp_path / "settings.json"
    path.write_text('{"apiKey": "old"}')
    path.chmod(0)
    message = start(tmp_path, "settings_write.py", path, within=as_user)
    assert message == (
        "~/settings.json cannot be written: you may not read it. The file is as it was.\n"
    )
    path.chmod(0o600)
    assert path.read_text() == '{"apiKey": "old"}'
