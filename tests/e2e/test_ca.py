"""`iflow-relay ca` as a process, with real certificates, handshakes and databases."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import pty
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import CertStore
from tests.e2e.programs import CLI, make_environment, wait_until
from tests.e2e.servers import make_certificate, stub

Ca = Callable[..., str]

needs_certutil = pytest.mark.skipif(
    not shutil.which("certutil"), reason="certutil (libnss3-tools) is not installed"
)


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A home with nothing in it."""
    return make_environment(home)


@pytest.fixture
def ca(environment: Mapping[str, str]) -> Ca:
    """Runs it and returns what it prints."""

    def run(*words: str, status: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [*CLI, "ca", *words],
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


def make_server(confdir: Path) -> ssl.SSLContext:
    """A server for 127.0.0.1 with a certificate that mitmproxy's authority signed."""
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    entry = CertStore.from_store(confdir, "mitmproxy", 2048).get_cert("127.0.0.1", [address])
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = confdir / "leaf.pem"
    file.write_bytes(key + entry.cert.to_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def is_trusted(server: ssl.SSLContext, bundle: Path) -> bool:
    """Whether a client that trusts the bundle alone shakes hands with the server."""
    client = ssl.create_default_context(cafile=bundle)
    with stub(tls=server) as listener:
        address = ("127.0.0.1", listener.port)
        with socket.create_connection(address, timeout=20) as connection:
            try:
                client.wrap_socket(connection, server_hostname="127.0.0.1").close()
            except ssl.SSLCertVerificationError:
                return False
    return True


def test_the_bundle_trusts_what_was_trusted_before_and_the_relay(
    tmp_path: Path, home: Path, ca: Ca
) -> None:
    """Tunnelled hosts go on verifying, and virtual ones do too."""
    before, theirs = make_certificate(tmp_path)
    bundle = Path(ca("bundle", SSL_CERT_FILE=str(before)).strip())
    ours = make_server(home / ".mitmproxy")
    assert (is_trusted(theirs, before), is_trusted(ours, before)) == (True, False)
    assert (is_trusted(theirs, bundle), is_trusted(ours, bundle)) == (True, True)
    certificate = Path(ca("path").strip())
    assert (is_trusted(theirs, certificate), is_trusted(ours, certificate)) == (False, True)


def test_the_systems_bundle_is_in_it(ca: Ca) -> None:
    """As this machine has it."""
    system = ssl.create_default_context()
    system.load_default_certs()
    merged = ssl.create_default_context(cafile=ca("bundle").strip())
    assert len(merged.get_ca_certs()) > len(system.get_ca_certs())


def test_the_authority_is_made_once(home: Path, ca: Ca) -> None:
    """Where mitmproxy looks for it; a status makes none."""
    assert json.loads(ca("status", "--json", status=1))["authority"] is None
    assert not (home / ".mitmproxy").exists()
    path = Path(ca("path").strip())
    assert path == home / ".mitmproxy/mitmproxy-ca-cert.pem"
    made = path.read_bytes()
    assert ca("path").strip() == str(path)
    assert path.read_bytes() == made
    assert json.loads(ca("status", "--json"))["authority"]["certificate"] == str(path)


@pytest.fixture
def database(home: Path) -> Path:
    """Chromium's, as it makes it at its first start."""
    folder = home / ".pki/nssdb"
    folder.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{folder}", "-N", "--empty-password"], check=True)
    return folder


def nicknames(database: Path) -> str:
    command = ["certutil", "-d", f"sql:{database}", "-L"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@needs_certutil
def test_chromium_is_made_to_trust_it_and_no_longer(ca: Ca, database: Path) -> None:
    """Installed, listed, uninstalled, gone."""
    only = ("--store", "chromium", "--yes")
    assert "chromium: done: certutil" in ca("install", *only)
    assert "iflow-relay" in nicknames(database)
    stores = json.loads(ca("status", "--json"))["stores"]
    assert {store["trusts"] for store in stores if store["store"] == "chromium"} == {"yes"}
    assert "Nothing to do" in ca("install", *only)
    assert "chromium: done: certutil" in ca("uninstall", *only)
    assert "iflow-relay" not in nicknames(database)


@needs_certutil
@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("n\n", False)])
def test_it_asks_in_a_terminal(
    environment: Mapping[str, str], database: Path, answer: str, agreed: bool
) -> None:
    """And does what the answer says."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*CLI, "ca", "install", "--store", "chromium"],
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.set_blocking(screen, False)
    shown = bytearray()

    def shows(text: bytes) -> bool:
        with contextlib.suppress(OSError):
            shown.extend(os.read(screen, 65536))
        return text in shown

    try:
        wait_until(lambda: shows(b"Go on? [y/N]: "), "the question")
        assert "iflow-relay" not in nicknames(database)
        os.write(screen, answer.encode())
        wait_until(lambda: shows(b"anew" if agreed else b"Aborted"), "the end")
        assert process.wait(20) == (0 if agreed else 1)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    assert ("iflow-relay" in nicknames(database)) is agreed
