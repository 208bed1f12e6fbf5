"""A web site of the test's own with files on it, which everybody reaches by its name."""

from __future__ import annotations

import functools
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.certificates import make_site

NAME = "tunnel.test"
"""No loopback name: those, programs reach past any proxy."""

HELLO = "hello from its own server"


class Files(SimpleHTTPRequestHandler):
    """Answers with files, and keeps quiet."""

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Says nothing of clients that refuse its certificate either."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class FileSite:
    """The site while it is there: `/hello.txt`, and a git repository `/repo.git`."""

    def __init__(self, folder: Path) -> None:
        files = folder / "files"
        files.mkdir()
        (files / "hello.txt").write_text(HELLO)
        self.head = make_repository(files / "repo.git")
        site = make_site(folder, NAME)
        self.authority = site.authority
        self._server = Server(("127.0.0.1", 0), functools.partial(Files, directory=files))
        self._server.socket = site.context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def make_repository(folder: Path) -> str:
    """A bare repository of one commit that a server of files can serve; the commit's name."""
    folder.mkdir()
    (folder.parent / "gitconfig").write_text("[user]\nname = A\nemail = a@example.invalid\n")
    environ = {
        "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(folder),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], env=environ, input="", capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q", "--bare", "-b", "main")
    tree = git("mktree")
    commit = git("commit-tree", tree, "-m", "first")
    git("update-ref", "refs/heads/main", commit)
    git("update-server-info")
    return commit
