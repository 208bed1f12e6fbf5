"""A process rewrites a settings file in a loop while an editor that knows no lock saves it.

`settings_editor.py FILE SAVES replace|write` prints as JSON how many saves were lost. The editor
reads, counts up its own member, saves, and looks whether that is still there once the process has
written again.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iflow_relay.settings_file import change_settings

# One writer, one reader, and a number that fits a machine word: no lock is needed.
memory = mmap.mmap(-1, mmap.PAGESIZE)


def rewrite(path: Path, parent: int) -> None:
    """Change our member for as long as that process lives; each time that it is done, say so."""

    def count(document: Mapping[str, Any]) -> dict[str, object]:
        return {"ours": document.get("ours", 0) + 1}

    number = 0
    while os.getppid() == parent:
        change_settings(path, count)
        number += 1
        struct.pack_into("q", memory, 0, number)


def rewritten() -> int:
    """How often the process has rewritten the file."""
    number: int = struct.unpack_from("q", memory)[0]
    return number


def wait_for(number: int) -> None:
    end = time.monotonic() + 20
    while rewritten() < number:
        assert time.monotonic() < end, "the process writes no more"
        time.sleep(0.0001)


def save(path: Path, text: str, how: str) -> None:
    if how == "write":
        path.write_text(text)
        return
    edit = path.with_name("edit")
    edit.write_text(text)
    edit.replace(path)


def main(path: Path, saves: int, how: str) -> None:
    path.write_text("{}")
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            rewrite(path, parent)
        finally:
            os._exit(1)
    lost = 0
    try:
        for number in range(saves):
            wait_for(rewritten() + 1)
            document = json.loads(path.read_text() or "{}")
            save(path, json.dumps(document | {"theirs": number}), how)
            wait_for(rewritten() + 2)
            lost += json.loads(path.read_text()).get("theirs") != number
    finally:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "the process has ended by itself"
    print(json.dumps({"lost": lost, "saves": saves, "rewritten": rewritten()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
