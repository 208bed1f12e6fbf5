"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.unit.commands.running import Running

from iflow_relay.presence import Presence, announce


@pytest.fixture
def run(tmp_path: Path) -> Running:
    """Runs commands under `iflow-relay run`."""
    return Running(tmp_path)


class Health(BaseHTTPRequestHandler):
    """Answers as a relay does."""

    def do_GET(self) -> None:
        body = b'{"instance": "one"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def there(run: Running) -> Iterator[str]:
    """The address of a relay that runs already."""
    server = HTTPServer(("127.0.0.1", 0), Health)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    hosts = ("iflow.internal", "api.openai.com", "*.x.ai")
    confdir = str(run.folder / "conf")
    note = announce(Presence(1, "one", address, address, hosts, confdir))
    yield address
    note.unlink()
    server.shutdown()
    thread.join()
    server.server_close()
