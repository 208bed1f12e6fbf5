"""Chromium with the PAC file: a page calls api.openai.com, and the relay answers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.browser import FLAGS, short_folder
from tests.e2e.handshakes import count
from tests.e2e.machine import Served
from tests.e2e.programs import make_environment, wait_until
from tests.e2e.servers import read_request, stub

from iflow_relay.catalog import BUILTIN

PAGE = """<!doctype html><title>waiting</title><script>
const tell = found => fetch("http://direct.test:%d/found", {
  method: "POST", mode: "no-cors", body: JSON.stringify(found)
});
fetch("https://api.openai.com/v1/models", {headers: {Authorization: "Bearer sk-of-the-page"}})
  .then(answer => answer.json())
  .then(tell, error => tell(String(error)));
</script>"""

MISSING = [program for program in ("chromium", "certutil") if not shutil.which(program)]


class Page:
    """A site with one page, and what it was asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.found: list[object] = []

    def __call__(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            head, _, body = request.partition(b"\r\n\r\n")
            self.heads.append(head.decode())
            if head.startswith(b"POST /found "):
                self.found.append(json.loads(body))
            page = (PAGE % self.port).encode() if head.startswith(b"GET / ") else b""
            fields = f"Content-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode() + page)


def trust(home: Path, authority: Path) -> None:
    """Have the browser of this home trust the authority."""
    folder = home / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    database = f"sql:{folder}"
    added = ("-A", "-d", database, "-n", "relay", "-t", "C,,", "-i", str(authority))
    for words in (("-N", "-d", database, "--empty-password"), added):
        subprocess.run(["certutil", *words], check=True, capture_output=True, timeout=30)


@contextlib.contextmanager
def chromium(home: Path, *words: str) -> Iterator[None]:
    """The browser, with a profile of its own."""
    profile = home / "profile"
    with short_folder() as temporary, (home / "log").open("wb") as log:
        process = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={profile}", *words],
            env=make_environment(home, {"TMPDIR": temporary}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            # Its processes are a group of their own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            shutil.rmtree(profile, ignore_errors=True)


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_a_page_gets_the_catalog_and_all_else_goes_direct(served: Served, tmp_path: Path) -> None:
    """By the PAC file alone: nothing but the virtual host comes to the relay."""
    relay, page = served.relay, Page()
    trust(tmp_path, relay.folder / "conf" / "mitmproxy-ca-cert.pem")
    before = count(relay)
    with stub(page) as server:
        page.port = server.port
        with chromium(
            tmp_path,
            f"--proxy-pac-url=http://127.0.0.1:{relay.port}/proxy.pac",
            "--host-resolver-rules=MAP direct.test 127.0.0.1",
            f"http://127.0.0.1:{server.port}/",
        ):
            wait_until(lambda: bool(page.found), "what the page found", 40)
    assert isinstance(page.found[0], dict), page.found
    listed = [model["id"] for model in page.found[0]["data"]]
    assert listed[: len(BUILTIN)] == [model.id for model in BUILTIN]
    assert any(head.startswith("POST /found HTTP/1.1\r\nHost: direct.test") for head in page.heads)
    after = count(relay)
    assert after["tunnelled"] == before["tunnelled"]
    assert after["intercepted"] > before["intercepted"]
