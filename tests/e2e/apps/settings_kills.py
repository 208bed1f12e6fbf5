"""Two processes rewrite a settings file in a loop, and are killed at random moments.

`settings_kills.py FILE KILLS SEED` prints what was seen as JSON; it fails where the file is ever
anything but whole, or where something that a writer had finished is gone.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import stat
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iflow_relay.jsontext import parse_document
from iflow_relay.settings_file import change_settings

START = """\
// mine, with comments
{
  "theme": "Dark", // as ever
  "big": 12345678901234567890,
  "mcpServers": {"a": {"args": ["x", /* not y */ "z",]}},
  "last": 1.50
}
"""
NAMES = ("one", "two")


class Writer:
    """A process that counts up its own member; `done` is the number that it has written last."""

    def __init__(self, path: Path, index: int) -> None:
        self.name = NAMES[index]
        self._path = path
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.start()

    def start(self) -> None:
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            try:
                while os.getppid() == parent:
                    self._write()
            finally:
                os._exit(1)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        assert os.WIFSIGNALED(status), f"{self.name} has ended by itself"

    @property
    def done(self) -> int:
        number: int = struct.unpack_from("q", self._memory)[0]
        return number

    def _write(self) -> None:
        change_settings(self._path, self._count)
        struct.pack_into("q", self._memory, 0, self._number)

    def _count(self, document: Mapping[str, Any]) -> dict[str, object]:
        self._number = document.get(self.name, {"n": 0})["n"] + 1
        padding = random.randrange(20_000)  # noqa: S311 - no secret
        return {self.name: {"n": self._number, "padding": "x" * padding, "length": padding}}


class Watch:
    """What has to hold whenever somebody looks."""

    def __init__(self, path: Path, writers: list[Writer]) -> None:
        self._path = path
        self._writers = writers
        self._unknown = parse_document(START.encode())
        self.numbers = dict.fromkeys(NAMES, 0)

    def look(self) -> None:
        done = {writer.name: writer.done for writer in self._writers}
        with self._path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read()
        assert mode == 0o600, oct(mode)
        document = parse_document(data)
        for piece in START.splitlines()[:-2]:
            assert piece.encode() in data, f"{piece} is gone"
        assert {name: document[name] for name in self._unknown} == self._unknown
        for name in NAMES:
            member = document.get(name, {"n": 0, "padding": "", "length": 0})
            assert len(member["padding"]) == member["length"]
            assert member["n"] >= self.numbers[name], "a number has gone back"
            assert member["n"] >= done[name], "what was written is gone"
            self.numbers[name] = member["n"]

    def left_over(self) -> int:
        return len(list(self._path.parent.glob(".settings.json.relay-*")))


def time_one_write(path: Path) -> float:
    """How long one takes here; it also loads what writers need, so that none is killed at that."""
    change_settings(path, lambda _: {"begin": 0})
    begin = time.monotonic()
    for _ in range(20):
        change_settings(path, lambda document: {"begin": document["begin"] + 1})
    return (time.monotonic() - begin) / 20


def main(path: Path, kills: int, seed: int) -> None:
    random.seed(seed)
    path.write_text(START)
    path.chmod(0o600)
    pause = 4 * time_one_write(path)
    begin = time.monotonic()
    writers = [Writer(path, 0), Writer(path, 1)]
    watch = Watch(path, writers)
    groups = [writers[:1], writers[1:], writers]
    killed = interrupted = most_left = 0
    while killed < kills:
        time.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
        victims = random.choice(groups)  # noqa: S311 - no secret
        for victim in victims:
            victim.kill()
        killed += len(victims)
        left = watch.left_over()
        interrupted += left > 0 and victims == writers
        most_left = max(most_left, left)
        watch.look()
        for victim in victims:
            victim.start()
    for writer in writers:
        writer.kill()
    watch.look()
    change_settings(path, lambda _: {"end": True})
    result = {
        "kills": killed,
        "interrupted": interrupted,
        "most_left": most_left,
        "left": watch.left_over(),
        "written": watch.numbers,
        "seconds": round(time.monotonic() - begin, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
