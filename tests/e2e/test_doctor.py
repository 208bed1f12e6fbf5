"""`iflow-relay doctor` on machines with one thing wrong, or nothing."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import CLI, free_port, make_environment
from tests.e2e.servers import Demo, make_certificate, replies, stub
from tests.unit.system_proxy.machine import GNOME, Machine
from tests.unit.trust.authorities import lay_down, make_key, render_key
from tests.unit.trust.authorities import make_certificate as make_root

from iflow_relay.demo import KEY

REFUSES = replies(b"HTTP/1.1 403 Forbidden\r\n\r\n")


@dataclass(frozen=True)
class Found:
    """What the command printed as JSON."""

    checks: list[dict[str, str]]

    def __getitem__(self, name: str) -> dict[str, str]:
        """The first check of that name."""
        return next(check for check in self.checks if check["name"] == name)

    def failures(self) -> list[str]:
        """The names of those that failed."""
        return [check["name"] for check in self.checks if check["status"] == "failure"]


class Patient:
    """A machine with a desktop, one Python, and nothing else that is looked for."""

    def __init__(self, folder: Path, authority: Path) -> None:
        self.desktop = Machine(folder / "bin", *GNOME)
        self.confdir = folder / "conf"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        shutil.copytree(authority, self.confdir)
        self.port = free_port()
        python = self.desktop.path / "python3"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def read(
        self,
        *words: str,
        status: int = 0,
        home: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """What the command prints."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment(home, variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == status, out + err
        assert "Traceback" not in out + err
        assert KEY not in out + err
        assert list(self.temporary.iterdir()) == []
        return out

    def command(self, *words: str) -> list[str]:
        """The command line."""
        return [*CLI, "doctor", "--listen", str(self.port), "--confdir", str(self.confdir), *words]

    def environment(
        self, home: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """What the command is given."""
        ours = {"PATH": str(self.desktop.path), "TMPDIR": str(self.temporary)}
        return make_environment(home or self.home, {**ours, **(variables or {})})

    def look(
        self,
        *words: str,
        status: int = 0,
        home: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Found:
        """The same as a document."""
        text = self.read("--json", *words, status=status, home=home, variables=variables)
        document = json.loads(text)
        assert document["ok"] is (status == 0)
        return Found(document["checks"])


@pytest.fixture
def patient(tmp_path: Path, authority: Path) -> Patient:
    """A machine that is well."""
    return Patient(tmp_path, authority)


@pytest.fixture
def upstream(demo: Demo) -> tuple[str, ...]:
    """The options for an upstream that is well."""
    return ("--set", f"iflow_base_url={demo.base_url}", "--set", f"iflow_api_key={KEY}")


def test_all_is_well(patient: Patient, upstream: tuple[str, ...]) -> None:
    """From the settings to the programs; nothing is left behind."""
    certificate = str(patient.confdir / "mitmproxy-ca-cert.pem")
    variables = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), certificate)
    variables |= {"IFLOW_MODEL_NAME": "qwen3-coder-plus"}
    before = read_folder(patient.confdir)
    found = patient.look("--live", *upstream, variables=variables)
    well = ("base URL", "key", "model", "name", "connection", "answer", "live call", "port")
    wells = (*well, "stream", "authority", "HTTPS_PROXY", "Python urllib", "GNOME")
    assert {name: found[name]["status"] for name in wells} == dict.fromkeys(wells, "ok")
    assert [check["part"] for check in found.checks][-1] == "system proxy"
    assert read_folder(patient.confdir) == before
    assert [path for path in patient.home.rglob("*") if path.is_file()] == []


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_key(patient: Patient) -> None:
    """Whether the upstream is there is told all the same, and that iFlow's own has closed."""
    with stub(REFUSES) as proxy:
        variables = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        found = patient.look(status=1, variables=variables)
    assert found.failures() == ["key", "connection"]
    assert "IFLOW_API_KEY" in found["key"]["advice"]
    assert "closed in April 2026" in found["connection"]["advice"]
    assert found["stream"]["status"] == "ok"


def test_a_key_that_the_upstream_refuses(patient: Patient) -> None:
    """It is not shown, though the upstream quotes it."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode()
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % len(body)
    with stub(replies(head + body)) as server:
        settings = patient.home / ".iflow" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"apiKey": KEY, "baseUrl": server.base_url}))
        settings.chmod(0o644)
        text = patient.read(status=1)
    assert text.startswith("settings\n")
    assert "\nstream\n  ✓ stream: 6 events, " in text
    assert "✗ answer: the key (from ~/.iflow/settings.json apiKey) is refused: Incorrect" in text
    assert f"→ chmod 600 {settings}" in text
    assert "1 failure, " in text.splitlines()[-1]


def test_an_upstream_that_cannot_be_reached(patient: Patient) -> None:
    """In a terminal that has plain letters alone."""
    options = ("--set", f"iflow_base_url=http://127.0.0.1:{free_port()}/v1")
    text = patient.read(*options, status=1, variables={"PYTHONIOENCODING": "ascii"})
    assert text.isascii()
    assert "  x connection: 127.0.0.1:" in text
    assert "    > start the server that is to listen on port" in text
    assert "  - answer: not reached" in text


def test_an_upstream_with_an_authority_of_its_own(patient: Patient, tmp_path: Path) -> None:
    """It is verified as the relay would: by what config.yaml names."""
    public, context = make_certificate(tmp_path)
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"data":[{"id": "a"}]}'
    with stub(replies(answer), tls=context) as server:
        options = ("--set", f"iflow_base_url={server.base_url}", "--set", f"iflow_api_key={KEY}")
        config = patient.confdir / "config.yaml"
        config.write_text(f"ssl_verify_upstream_trusted_ca: {public}\n")
        found = patient.look(*options)
    assert (found["TLS"]["status"], found["answer"]["status"]) == ("ok", "ok")


def test_a_port_that_a_stranger_has(patient: Patient, upstream: tuple[str, ...]) -> None:
    """The advice is another one."""
    with stub(replies(b"HTTP/1.1 404 X\r\n\r\n")) as server:
        patient.port = server.port
        found = patient.look(*upstream, status=1)
    assert found.failures() == ["port"]
    assert f"--listen 127.0.0.1:{server.port + 1}" in found["port"]["advice"]


def test_a_system_proxy_that_leads_nowhere(patient: Patient, upstream: tuple[str, ...]) -> None:
    """It is told, and left as it is."""
    gone = f"http://127.0.0.1:{free_port()}/proxy.pac"
    patient.desktop.change(gsettings={"mode": "'auto'", "autoconfig-url": f"'{gone}'"})
    before = patient.desktop.state
    found = patient.look(*upstream, status=1)
    assert found.failures() == ["GNOME"]
    assert found["GNOME"]["found"] == f"{gone} is set, and no relay answers there"
    assert patient.desktop.state == before


def test_an_authority_that_has_expired(patient: Patient, upstream: tuple[str, ...]) -> None:
    """Nobody is asked to trust it; the rest goes on."""
    key = make_key()
    lay_down(patient.confdir, render_key(key), make_root(key, days=(-20, -10)))
    found = patient.look(*upstream, status=1)
    assert found.failures() == ["authority"]
    assert found["programs"]["status"] == "skipped"
    assert found["stream"]["status"] == "ok"


def test_an_option_that_is_wrong(patient: Patient) -> None:
    """What does not need the options is looked at all the same."""
    found = patient.look("--set", "iflow_timeout=soon", status=1)
    assert found.failures() == ["options"]
    assert "iflow_timeout" in found["options"]["found"]
    assert (found["stream"]["status"], found["port"]["status"]) == ("ok", "ok")


def test_a_shell_at_a_relay(
    patient: Patient, upstream: tuple[str, ...], start_relay: StartRelay
) -> None:
    """It is found by its note, and by what the shell is set to."""
    relay = start_relay()
    patient.port, patient.confdir = relay.port, relay.folder / "conf"
    certificate = str(patient.confdir / "mitmproxy-ca-cert.pem")
    variables = {"SSL_CERT_FILE": certificate, "HTTPS_PROXY": relay.proxy_url}
    found = patient.look(*upstream, home=relay.home, variables=variables)
    assert found["port"]["found"].startswith("a relay listens on ")
    assert found["relay"]["found"] == f"http://127.0.0.1:{relay.port} answers"
    assert found["HTTPS_PROXY"]["found"] == f"{relay.proxy_url}, a relay that answers"
    assert found["Python urllib"]["found"].endswith(", and goes through the relay")


def test_an_interruption_leaves_nothing_behind(patient: Patient, upstream: tuple[str, ...]) -> None:
    """No relay, which would keep the output open, and no file."""
    with subprocess.Popen(
        patient.command(*upstream),
        env=patient.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"settings\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert out.endswith(b"Aborted!\n")
    assert list(patient.temporary.iterdir()) == []
