"""A relay that another program has started for itself: it says when it is ready, and ends with it.

The contract of `iflow_relay.private`: one line of JSON on stdout, then nothing; the end of stdin is
the end of the relay, however its starter ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from ..presence import PRIVATE, find_by_process

POLL = 0.02
"""Seconds between two looks for the relay's own note."""


def answer_for(web: str | None) -> None:
    """Tell the starter on stdout once this process is a relay; end when its stdin does."""
    os.environ[PRIVATE] = "1"
    stdout, stdin = os.dup(1), os.dup(0)
    # Whatever else prints must not get between the starter and its line.
    os.dup2(2, 1)
    threading.Thread(target=_answer, args=[stdout, stdin, web], daemon=True).start()


def _answer(stdout: int, stdin: int, web: str | None) -> None:
    while (presence := find_by_process(os.getpid())) is None:
        time.sleep(POLL)
    document = {
        "pid": presence.pid,
        "endpoint": presence.endpoint or presence.proxy,
        "proxy": presence.proxy,
        "hosts": presence.hosts,
        "confdir": presence.confdir,
        "web": web,
    }
    with suppress(OSError):  # whoever is gone before it is ready has closed its stdin as well
        os.write(stdout, json.dumps(document).encode() + b"\n")
    os.close(stdout)
    while os.read(stdin, 4096):
        pass
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def find_free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
