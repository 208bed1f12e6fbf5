"""Tries to write a settings file on a disk of its own: `settings_disk.py FOLDER STATE`.

FOLDER becomes a small disk for this process alone, which wants a mount namespace. STATE is `full`,
`nearly` (some of the new file fits), `inodes` (no further file fits), or `readonly`. What came of
it is printed as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from iflow_relay.errors import LoginError
from iflow_relay.jsontext import parse_document
from iflow_relay.settings_file import change_settings

OLD = b'{"theme": "Dark", /* as ever */ "apiKey": "old"}\n'
SIZES = {"full": 0, "nearly": 16, "inodes": 64, "readonly": 64}
"""Kilobytes that are free when the file is written; the new one has forty."""


def mount(folder: Path, *options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    subprocess.run(command, check=True)


def fill(folder: Path, free: int) -> None:
    """Leave so many kilobytes."""
    with contextlib.suppress(OSError), (folder / "file").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    os.truncate(folder / "file", (folder / "file").stat().st_size - free * 1024)


def use_up_inodes(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for number in range(100):
            (folder / f"file{number}").touch()


def main(folder: Path, state: str) -> None:
    mount(folder, "size=256k", "mode=700", "nr_inodes=20")
    path = folder / "settings.json"
    path.write_bytes(OLD)
    path.chmod(0o600)
    if state == "readonly":
        mount(folder, "remount", "ro")
    elif state == "inodes":
        use_up_inodes(folder)
    else:
        fill(folder, SIZES[state])
    before = {entry.name for entry in folder.iterdir()}
    try:
        change_settings(path, lambda _: {"apiKey": "new", "padding": "x" * 40_000})
        message = "it was written"
    except LoginError as error:
        message = error.message
    # The lock may stay: it is there for the next writer.
    left = {entry.name for entry in folder.iterdir()} - before - {".settings.json.lock"}
    result = {"message": message, "intact": path.read_bytes() == OLD, "left": sorted(left)}
    if state == "readonly":
        mount(folder, "remount", "rw", "size=256k", "nr_inodes=20")
    for filler in list(folder.glob("file*")):
        filler.unlink()
    change_settings(path, lambda _: {"apiKey": "new", "padding": "x" * 40_000})
    print(json.dumps(result | {"later": parse_document(path.read_bytes())["apiKey"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
