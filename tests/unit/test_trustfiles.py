"""The files of certificates that a program is given: all that it trusted, and the relay's."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from iflow_relay import trustfiles
from iflow_relay.environment import ADDING, REPLACING
from iflow_relay.trust.pem import parse_certificates
from iflow_relay.trustfiles import Trust, make_trust

Put = Callable[..., Path]


def pem(name: str) -> str:
    """What looks like a certificate in a bundle."""
    body = base64.b64encode(name.encode()).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def held(path: Path) -> list[str]:
    """The certificates in a file."""
    return [der.decode() for der in parse_certificates(path.read_bytes())]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file of certificates."""

    def write(name: str, *certificates: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(map(pem, certificates)))
        return path

    return write


@pytest.fixture(autouse=True)
def system(put: Put, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system that trusts one authority."""
    bundle = put("system.pem", "system")
    monkeypatch.setattr(trustfiles, "system_bundle", lambda environ: bundle)
    return bundle


@pytest.fixture
def trust(put: Put, tmp_path: Path, home: Path) -> Callable[..., Trust]:
    """Makes the files for an environment."""
    authority = put("ours.pem", "ours")

    def make(**before: str) -> Trust:
        base = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
        return make_trust(tmp_path / "files", {**base, **before}, authority)

    return make


def test_without_variables_the_systems_bundle_is_merged(trust: Callable[..., Trust]) -> None:
    """One file for all that replace the store; what adds has the relay's certificate alone."""
    files, complaints = trust()
    assert {name: held(path) for name, path in files.items()} == {
        **{name: ["system", "ours"] for name in REPLACING},
        **{name: ["ours"] for name in ADDING},
    }
    assert len({files[name] for name in REPLACING}) == 1
    assert complaints == ()


def test_a_variable_keeps_what_it_named(trust: Callable[..., Trust], put: Put) -> None:
    """Each its own file; those that were not set keep the system's."""
    files, _ = trust(
        GIT_SSL_CAINFO=str(put("git.pem", "forge", "other")),
        NODE_EXTRA_CA_CERTS=str(put("node.pem", "corp")),
    )
    assert held(files["GIT_SSL_CAINFO"]) == ["forge", "other", "ours"]
    assert held(files["NODE_EXTRA_CA_CERTS"]) == ["corp", "ours"]
    assert held(files["DENO_CERT"]) == ["ours"]
    assert held(files["SSL_CERT_FILE"]) == ["system", "ours"]


def test_a_program_keeps_what_it_read_from_another_variable(
    trust: Callable[..., Trust], put: Put
) -> None:
    """curl and cargo go by SSL_CERT_FILE; requests and git do not."""
    files, _ = trust(SSL_CERT_FILE=str(put("corp.pem", "corp")))
    assert held(files["CURL_CA_BUNDLE"]) == held(files["CARGO_HTTP_CAINFO"]) == ["corp", "ours"]
    assert held(files["REQUESTS_CA_BUNDLE"]) == held(files["GIT_SSL_CAINFO"]) == ["system", "ours"]


def test_a_folder_of_certificates_is_read(trust: Callable[..., Trust], put: Put) -> None:
    """requests takes a folder for a bundle."""
    folder = put("folder/0a1b2c3d.0", "one").parent
    put("folder/0a1b2c3e.0", "two")
    files, _ = trust(REQUESTS_CA_BUNDLE=str(folder))
    assert held(files["REQUESTS_CA_BUNDLE"]) == ["one", "two", "ours"]


def test_a_folder_beside_the_file_stays_trusted(trust: Callable[..., Trust], put: Put) -> None:
    """SSL_CERT_DIR is not looked at by all once there is a file; each certificate stands once."""
    folder = put("folder/0a1b2c3d.0", "corp", "system").parent
    files, _ = trust(SSL_CERT_DIR=f"{folder}:/nowhere")
    assert held(files["SSL_CERT_FILE"]) == ["system", "corp", "ours"]
    assert held(files["GIT_SSL_CAINFO"]) == ["system", "ours"]


def test_a_file_that_is_not_there_is_told_once(trust: Callable[..., Trust]) -> None:
    """The system's stands in for it, also where the variable stands in for others."""
    files, complaints = trust(SSL_CERT_FILE="/nowhere.pem", DENO_CERT="/gone.pem")
    assert held(files["SSL_CERT_FILE"]) == held(files["CURL_CA_BUNDLE"]) == ["system", "ours"]
    assert held(files["DENO_CERT"]) == ["ours"]
    assert complaints == (
        "SSL_CERT_FILE names /nowhere.pem, which cannot be read: the system's bundle is used",
        "DENO_CERT names /gone.pem, which cannot be read",
    )


def test_gits_own_setting_is_kept(trust: Callable[..., Trust], put: Put, home: Path) -> None:
    """GIT_SSL_CAINFO hides it from git."""
    bundle = put("git.pem", "forge")
    command = ["git", "config", "--global", "http.sslCAInfo", str(bundle)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    assert held(trust().files["GIT_SSL_CAINFO"]) == ["forge", "ours"]
    assert held(trust(PATH="/nowhere").files["GIT_SSL_CAINFO"]) == ["system", "ours"]


def test_a_system_without_a_bundle_is_left_to_the_bundles_maker(
    trust: Callable[..., Trust], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has none: its list is asked for where the file is written."""
    monkeypatch.setattr(trustfiles, "system_bundle", lambda environ: None)
    assert held(trust(SSL_CERT_DIR="/nowhere").files["SSL_CERT_FILE"]) == ["ours"]
