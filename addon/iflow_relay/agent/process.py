"""The process of an agent: started in a group of its own, drained, and never left behind.

POSIX: `lifeline` stands between, so that the agent, and what it has started in its group, ends with
the relay however the relay ends. Elsewhere the agent is ended with the relay, and where the relay
is killed, only its stdin is closed, at which agents end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Final, cast

from . import lifeline
from .lastwords import LastWords, Mask

GRACE: Final = lifeline.GRACE + 2
"""Seconds until a process that was asked to end is killed from here."""

EMPTYING: Final = 0.3
"""Seconds in which what it said last is read; others may hold its pipes open for ever."""


class _Pipes(asyncio.SubprocessProtocol):
    """The ends of its pipes; not asyncio's streams, as those wait for who else holds the pipes."""

    def __init__(self, words: LastWords) -> None:
        self.words = words
        self.stdout = asyncio.StreamReader()
        self.exited = asyncio.Event()
        self.emptied = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.words.feed(data)
        else:
            self.stdout.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.stdout.feed_eof()
        self._open.discard(fd)
        if not self._open:
            self.emptied.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def process_exited(self) -> None:
        self.exited.set()


class Process:
    """A program that runs; `folder` is its own, empty at first, and gone when it has ended."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, pipes: _Pipes, folder: Path, line: int
    ) -> None:
        self.stdout = pipes.stdout
        self.words = pipes.words
        self.folder = folder
        self.pid: Final = transport.get_pid()
        self._transport = transport
        self._stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        self._pipes = pipes
        # One that says more than can be read has to wait, rather than fill the memory.
        pipes.stdout.set_transport(cast(asyncio.Transport, transport.get_pipe_transport(1)))
        self._line = line
        self.ended = asyncio.create_task(self._watch())

    async def write(self, data: bytes) -> None:
        """Write to its stdin; what it does not read any more is lost."""
        if not self._stdin.is_closing():
            self._stdin.write(data)
        await self._pipes.may_write.wait()

    async def end(self) -> None:
        """Ask it to end, and kill it if it does not; returns when it has ended."""
        self._stdin.close()
        self._let_go()
        if os.name != "posix":
            with contextlib.suppress(ProcessLookupError):
                self._transport.terminate()
        done, _ = await asyncio.wait([self.ended], timeout=GRACE)
        if not done:
            self.kill()
        await asyncio.wait([self.ended])

    def kill(self) -> None:
        """Kill it and its group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
            else:
                self._transport.kill()

    def _let_go(self) -> None:
        if self._line >= 0:
            os.close(self._line)
            self._line = -1

    async def _watch(self) -> None:
        """Wait for the end, then take away what could be left."""
        await self._pipes.exited.wait()
        self.kill()
        self._let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EMPTYING):
                await self._pipes.emptied.wait()
        self._transport.close()
        self._pipes.may_write.set()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


async def start_process(
    command: Sequence[str], environ: Mapping[str, str], cwd: Path | None
) -> Process:
    """Start a program; raises OSError. Without `cwd` it runs in its own folder."""
    folder = Path(tempfile.mkdtemp(prefix="iflow-relay-agent-"))
    reading, line = os.pipe() if os.name == "posix" else (-1, -1)
    words = LastWords(Mask(environ))
    try:
        transport, pipes = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Pipes(words),
            *_wrapped(command, reading, folder),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(environ),
            cwd=cwd or folder,
            start_new_session=os.name == "posix",
            pass_fds=(reading,) if reading >= 0 else (),
        )
    except BaseException:
        if line >= 0:
            os.close(line)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if reading >= 0:
            os.close(reading)
    return Process(transport, pipes, folder, line)


def _wrapped(command: Sequence[str], reading: int, folder: Path) -> list[str]:
    if reading < 0:
        return list(command)
    # -I and -S: nothing of the user's Python settings is read, so that it starts at once.
    return [sys.executable, "-I", "-S", lifeline.__file__, str(reading), str(folder), *command]
