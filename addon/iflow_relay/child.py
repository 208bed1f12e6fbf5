"""One command run as if it had been started directly: its terminal, its signals, its exit code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

FORWARDED: Final = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
LEFT_TO_THE_TERMINAL: Final = ("SIGINT", "SIGQUIT")
"""It sends these to the child itself; passed on, they would reach it twice."""


class NotStarted(Exception):
    """The command cannot be run; `code` is the exit code that a shell would give."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Signals:
    """What a signal does here: it ends this process until there is a child, and then goes to it.

    Ending is SystemExit, so that what was begun is undone. Once the child is gone that is under
    way, and a signal changes nothing. What was ignored at the start stays so, for the child too.
    """

    def __init__(self) -> None:
        self._act: Callable[[int], Any] = self._end
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in (*FORWARDED, *LEFT_TO_THE_TERMINAL):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                # A handler and not SIG_IGN: that, the child would inherit.
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run the command to its end; returns its exit code, raises NotStarted."""
        held: list[int] = []
        self._act = held.append
        try:
            child = _start(command, environ)
            self._act = lambda number: _forward(child, number)
            for number in held:
                _forward(child, number)
            code = child.wait()
        finally:
            self._act = _ignore
        return code if code >= 0 else 128 - code

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._act(number)

    def _end(self, number: int) -> None:
        if signal.Signals(number).name != "SIGWINCH":
            self._act = _ignore
            raise SystemExit(128 + number)


def find_program(name: str, environ: Mapping[str, str]) -> str:
    """The file that a command's name stands for; raises NotStarted where there is none to run."""
    folders = os.get_exec_path(environ)
    if found := shutil.which(name, path=os.pathsep.join(folders)):
        return found
    places = [Path(name)] if os.path.dirname(name) else [Path(folder, name) for folder in folders]
    there = next((place for place in places if name and place.exists()), None)
    if there is None:
        raise NotStarted(127, f"{name}: command not found")
    why = "it is a folder" if there.is_dir() else "it is not executable"
    raise NotStarted(126, f"{there}: cannot be run, {why}")


def _start(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    program = find_program(command[0], environ)
    try:
        return subprocess.Popen(  # noqa: S603 - the command is what the user asked to run
            # Windows finds a .cmd or .bat by its full name only.
            [program if os.name == "nt" else command[0], *command[1:]],
            env=dict(environ),
            # What this process inherited is the child's too, as in `run -- diff <(a) <(b)`.
            close_fds=False,
        )
    except OSError as error:
        raise NotStarted(126, f"{command[0]}: cannot be run: {error.strerror}") from error


def _forward(child: subprocess.Popen[bytes], number: int) -> None:
    if signal.Signals(number).name in FORWARDED:
        child.send_signal(number)


def _ignore(number: int) -> None:
    pass
