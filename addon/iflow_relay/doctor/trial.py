"""Whether a program trusts a certificate, found out by having it fetch something."""

from __future__ import annotations

import contextlib
import os
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from ..environment import SPELLINGS

PATIENCE: Final = 15.0
"""Seconds that a program may take: the first start of one on a slow disk takes a few."""

HANDSHAKE: Final = 5.0
"""Seconds until a connection that says nothing is closed."""

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


class Heard(IntEnum):
    """What the server has heard of a program; what is more counts."""

    NOTHING = 0
    REFUSAL = 1
    """It hung up on the certificate."""
    REQUEST = 2


class Trial(NamedTuple):
    """What came of it: `status` is the program's own, None where it did not end in time."""

    status: int | None
    out: str = ""
    err: str = ""
    heard: Heard = Heard.NOTHING


class TrialServer(socketserver.TCPServer):
    """A server for one program on loopback, with a certificate of the relay's for localhost."""

    heard = Heard.NOTHING

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(("127.0.0.1", 0), _Connection)

    @property
    def url(self) -> str:
        """What the program is to fetch."""
        return f"https://localhost:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: what a program does wrong shows in what was heard of it."""


class _Connection(socketserver.BaseRequestHandler):
    server: TrialServer

    def handle(self) -> None:
        self.server.heard = max(self.server.heard, Heard.REFUSAL)
        self.request.settimeout(HANDSHAKE)
        with (
            contextlib.suppress(OSError),  # ssl.SSLError is one
            self.server.context.wrap_socket(self.request, server_side=True) as secured,
        ):
            if secured.recv(1024):
                self.server.heard = Heard.REQUEST
                secured.sendall(ANSWER)


def try_program(
    command: Sequence[str], environ: Mapping[str, str], context: ssl.SSLContext
) -> Trial:
    """Run the command with the address of a server at its end, and see what the server hears."""
    with _serving(context) as server:
        trial = _run([*command, server.url], without_proxies(environ))
    return trial._replace(heard=server.heard)


def _run(command: Sequence[str], environ: Mapping[str, str]) -> Trial:
    try:
        done = subprocess.run(  # noqa: S603 - programs that the user has and runs
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return Trial(status=None)
    except OSError as error:
        return Trial(status=None, err=str(error.strerror))
    return Trial(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _serving(context: ssl.SSLContext) -> Iterator[TrialServer]:
    with TrialServer(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            # The program may have hung up, and ended, before its connection was looked at.
            server.timeout = 0
            server.handle_request()


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with no proxy on the way to this machine, and nobody to ask for a login."""
    kept = {name: value for name, value in environ.items() if name not in SPELLINGS}
    return {
        **kept,
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "*"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": os.devnull,
    }
