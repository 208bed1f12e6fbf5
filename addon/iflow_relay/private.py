"""A relay for one program alone: started beside it, and gone with whoever started it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

PATIENCE: Final = 30.0
"""Seconds that a relay has until it is ready: the first start on a slow disk takes a few."""

GRACE: Final = 2.0
"""Seconds that it has to end, each time that it is told more firmly."""

MAX_LINE: Final = 1 << 16
"""Bytes of its first line that are read: a real one has a few hundred."""

# -P: else Python would look for modules in the folder where the user happens to be.
RELAY: Final = (sys.executable, "-P", "-m", "iflow_relay", "intercept", "--private")


class Ready(NamedTuple):
    """What the relay says once it listens; `hosts` is empty where it did not say them."""

    endpoint: str
    proxy: str
    confdir: str
    web: str | None = None
    hosts: tuple[str, ...] = ()


class RelayFailed(Exception):
    """The relay did not start; why stands on stderr already."""


class PrivateRelay:
    """The process. It ends when its stdin does, so that it outlives this one by no accident."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - it is this program itself
            command,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the program that it serves.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._line = b""
        self._has_spoken = threading.Event()
        self._tell: Callable[[str], None] | None = None
        self._reader = threading.Thread(target=self._read, name="private relay", daemon=True)
        self._reader.start()

    def wait_until_ready(self, tell: Callable[[str], None]) -> Ready:
        """What it listens on; raises RelayFailed. From then on `tell` hears if it ends too soon."""
        if not self._has_spoken.wait(PATIENCE):
            raise RelayFailed(f"The relay was not ready within {PATIENCE:.0f} s.")
        if not self._line:
            raise RelayFailed(f"The relay did not start (exit code {self._process.wait()}).")
        ready = parse_ready(self._line)
        self._tell = tell
        return ready

    def end(self) -> None:
        """End it: politely, then firmly."""
        self._tell = None
        self._hang_up()
        # One that is not ready yet may not be looking at its stdin.
        pushes = (None, self._process.terminate, self._process.kill)
        for push in pushes if self._line else pushes[1:]:
            if push:
                push()
            try:
                self._process.wait(GRACE)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(GRACE)

    def _hang_up(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()

    def _read(self) -> None:
        """Wait for its line, then for its end; what it may print between is nobody's."""
        if stdout := self._process.stdout:
            self._line = stdout.readline(MAX_LINE)
            self._has_spoken.set()
            while stdout.read(MAX_LINE):
                pass
            stdout.close()
        code = self._process.wait()
        if self._tell:
            self._tell(
                f"The relay has ended (exit code {code}): calls to its hosts fail from now on, "
                "and go nowhere else."
            )


def parse_ready(line: bytes) -> Ready:
    """Read the relay's first line; raises RelayFailed where it is none."""
    try:
        document = json.loads(line)
        return Ready(
            str(document["endpoint"]),
            str(document["proxy"]),
            str(document["confdir"]),
            document.get("web"),
            tuple(document.get("hosts") or ()),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = line.decode("utf-8", "replace").strip()
        raise RelayFailed(f"The relay said {text[:200]!r} in place of its addresses.") from error
