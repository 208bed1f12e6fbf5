"""Bundles: what a program trusted before, and the authority with it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from tests.unit.trust.authorities import make_authority, make_certificate, make_key

from iflow_relay.trust.authority import Authority
from iflow_relay.trust.bundle import (
    SYSTEM_BUNDLES,
    merge,
    system_bundle,
    write_added,
    write_merged,
)
from iflow_relay.trust.pem import parse_certificates

OURS = make_certificate(make_key())
THEIRS = make_certificate(make_key())
CRLF = THEIRS.replace(b"\n", b"\r\n")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that is merged in."""
    return make_authority(tmp_path / "conf")


@pytest.mark.parametrize(
    ("source", "merged"),
    [
        (None, OURS),
        (b"", OURS),
        (THEIRS, THEIRS + OURS),
        (THEIRS.rstrip(), THEIRS + OURS),
        (CRLF, CRLF + OURS),
        (b"# Corporate\n" + THEIRS, b"# Corporate\n" + THEIRS + OURS),
        (OURS, OURS),
        (THEIRS + OURS, THEIRS + OURS),
        (OURS + THEIRS, OURS + THEIRS),
        (OURS.replace(b"\n", b"\r\n").rstrip(), OURS.replace(b"\n", b"\r\n").rstrip()),
        (b"no certificate", b"no certificate\n" + OURS),
    ],
)
def test_ours_comes_after_what_was_there_once(source: bytes | None, merged: bytes) -> None:
    """Every byte of the source stays, and merging again changes nothing."""
    assert merge(source, OURS) == merged
    assert merge(merged, OURS) == merged


def test_a_key_never_gets_into_a_bundle() -> None:
    """Where somebody names the file that has it, the certificate alone is taken."""
    key = THEIRS.replace(b"CERTIFICATE", b"PRIVATE KEY")
    assert merge(None, key + OURS) == OURS


def test_what_is_merged_is_kept_under_its_content(tmp_path: Path, authority: Authority) -> None:
    """The same twice is one file, which is left alone; another source is another file."""
    folder, source = tmp_path / "deep" / "folder", tmp_path / "system.pem"
    source.write_bytes(THEIRS)
    path = write_merged(folder, source, authority.certificate)
    assert path.read_bytes() == THEIRS + authority.pem
    assert path.name.startswith("bundle-")
    assert len(path.stem) == len("bundle-") + 8
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.stat()
    assert write_merged(folder, source, authority.certificate) == path
    assert path.stat() == before
    source.write_bytes(THEIRS * 2)
    assert write_merged(folder, source, authority.certificate) != path
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_was_tampered_with_is_written_anew(
    tmp_path: Path, authority: Authority
) -> None:
    """Its name says what is in it."""
    path = write_merged(tmp_path, None, authority.certificate)
    path.write_bytes(b"")
    assert write_merged(tmp_path, None, authority.certificate) == path
    assert path.read_bytes() == authority.pem


def test_a_source_for_its_owner_alone_has_a_copy_for_him_alone(
    tmp_path: Path, authority: Authority
) -> None:
    """It might hold more than certificates."""
    source = tmp_path / "own.pem"
    source.write_bytes(THEIRS)
    source.chmod(0o600)
    path = write_merged(tmp_path, source, authority.certificate)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_source_that_is_not_there_is_not_passed_over(
    tmp_path: Path, authority: Authority
) -> None:
    """A bundle without it would take away what was trusted before."""
    with pytest.raises(OSError, match=r"gone\.pem"):
        write_merged(tmp_path, tmp_path / "gone.pem", authority.certificate)


def test_a_variable_that_adds_names_what_it_named_and_ours(
    tmp_path: Path, authority: Authority
) -> None:
    """The authority alone where it named nothing, or nothing that can be read."""
    source = tmp_path / "extra.pem"
    source.write_bytes(THEIRS)
    assert write_added(tmp_path, None, authority.certificate) == authority.certificate
    assert write_added(tmp_path, tmp_path / "gone", authority.certificate) == authority.certificate
    assert write_added(tmp_path, tmp_path, authority.certificate) == authority.certificate
    added = write_added(tmp_path, source, authority.certificate)
    assert added.read_bytes() == THEIRS + authority.pem


@pytest.mark.parametrize("place", SYSTEM_BUNDLES)
def test_the_systems_bundle_is_found(tmp_path: Path, place: str) -> None:
    """Where each system keeps it; one that is empty is none."""
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.touch()
    assert system_bundle({}, tmp_path) is None
    path.write_bytes(THEIRS)
    assert system_bundle({}, tmp_path) == path


def test_the_users_own_bundle_comes_before_the_systems(tmp_path: Path) -> None:
    """Unless it is not there."""
    system, own = tmp_path / SYSTEM_BUNDLES[0], tmp_path / "own.pem"
    system.parent.mkdir(parents=True)
    system.write_bytes(THEIRS)
    environ = {"SSL_CERT_FILE": str(own)}
    assert system_bundle(environ, tmp_path) == system
    own.write_bytes(THEIRS)
    assert system_bundle(environ, tmp_path) == own


def test_this_machine_has_a_bundle() -> None:
    """certifi's if no other; openssl can read it."""
    path = system_bundle({})
    assert path
    assert ssl.create_default_context(cafile=path).get_ca_certs()


def test_windows_roots_for_servers_are_taken(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no file: its store is read, and what is there for other purposes left out."""
    (theirs,) = parse_certificates(THEIRS)
    server, mail = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.4"
    store = [
        (theirs, "x509_asn", True),
        (b"mail", "x509_asn", frozenset({mail})),
        (b"list", "pkcs_7_asn", True),
        (theirs, "x509_asn", frozenset({server, mail})),
    ]
    monkeypatch.setattr(ssl, "enum_certificates", {"ROOT": store}.get, raising=False)
    assert system_bundle({}) is None
    path = write_merged(tmp_path, None, authority.certificate)
    assert path.read_bytes() == THEIRS * 2 + authority.pem
