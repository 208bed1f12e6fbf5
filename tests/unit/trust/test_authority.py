"""mitmproxy's certificate authority in a folder: good, bad, and open to others."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.trust.authorities import (
    lay_down,
    make_authority,
    make_certificate,
    make_key,
    render_key,
)

from iflow_relay.trust.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    AuthorityError,
    NoAuthority,
    find_exposed,
    read_authority,
    secure_key,
)
from iflow_relay.trust.pem import parse_certificates, render_certificate


def test_a_good_authority_is_read(tmp_path: Path) -> None:
    """With the fingerprints by which people and systems know it."""
    authority = make_authority(tmp_path / "conf")
    pem = (tmp_path / "conf" / CERTIFICATE_FILE).read_bytes()
    assert authority.certificate == tmp_path / "conf" / CERTIFICATE_FILE
    assert authority.subject == "CN=mitmproxy"
    assert authority.pem == pem
    assert authority.sha1 == hashlib.sha1(authority.der, usedforsecurity=False).hexdigest().upper()
    assert (
        bytes.fromhex(authority.sha256.replace(":", "")) == hashlib.sha256(authority.der).digest()
    )
    assert authority.sha256[2::3] == ":" * 31


def test_what_it_prints_holds_no_certificate(tmp_path: Path) -> None:
    """It would fill the screen."""
    assert len(repr(make_authority(tmp_path))) < 300 + len(str(tmp_path))


def test_mitmproxys_own_is_good(tmp_path: Path) -> None:
    """As mitmproxy makes it, nothing changed."""
    from mitmproxy.certs import CertStore

    CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert read_authority(tmp_path).subject == "O=mitmproxy,CN=mitmproxy"
    assert find_exposed(tmp_path) == []


def test_a_key_with_a_passphrase_is_left_to_mitmproxy(tmp_path: Path) -> None:
    """Which has an option for it; nobody is asked for it here."""
    key = make_key()
    folder = lay_down(tmp_path, render_key(key, b"secret"), make_certificate(key))
    assert read_authority(folder).subject == "CN=mitmproxy"


KEY = make_key()
PEM_KEY = render_key(KEY)
GOOD = make_certificate(KEY)
DAMAGED = render_certificate(b"no certificate")


@pytest.mark.parametrize(
    ("key", "certificate", "why"),
    [
        (PEM_KEY, make_certificate(KEY, days=(-30, -1)), r"expired on \d{4}-\d\d-\d\d\. Move "),
        (PEM_KEY, make_certificate(KEY, days=(2, 30)), r"begins to be valid on .* clock .* move "),
        (PEM_KEY, make_certificate(make_key()), r"do not match\. Move "),
        (PEM_KEY, make_certificate(KEY, ca=False), r"no authority's\. Move "),
        (PEM_KEY, make_certificate(KEY, ca=None), r"no authority's\. Move "),
        (PEM_KEY, DAMAGED, r"The certificate in .* is damaged\. Move "),
        (PEM_KEY.replace(b"\nM", b"\nX"), GOOD, r"The key in .* is damaged\. Move "),
        (b"", GOOD, r"holds no key and certificate in PEM\. Move "),
        (PEM_KEY, b"", r"holds no key and certificate in PEM\. Move "),
        (b"\x00\xff", b"garbage", r"holds no key and certificate in PEM\. Move "),
    ],
)
def test_a_bad_authority_is_refused(
    tmp_path: Path, key: bytes, certificate: bytes, why: str
) -> None:
    """The message names the file, says what is wrong with it, and what to do."""
    with pytest.raises(AuthorityError, match=why) as raised:
        read_authority(lay_down(tmp_path, key, certificate))
    assert str(tmp_path / KEY_FILE) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("path", ["conf", "conf/deeper"])
def test_without_files_there_is_no_authority(tmp_path: Path, path: str) -> None:
    """Whether the folder is not there, is empty, or is a file."""
    (tmp_path / "conf").touch()
    with pytest.raises(NoAuthority, match=r"no certificate authority in .*`iflow-relay ca path`"):
        read_authority(tmp_path / path)


def break_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def break_by_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("how", [break_by_folder, break_by_loop])
@pytest.mark.parametrize("name", [KEY_FILE, CERTIFICATE_FILE])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, how: Callable[[Path], None]
) -> None:
    """With the system's own word for it."""
    how(make_authority(tmp_path).folder / name)
    with pytest.raises(AuthorityError, match=rf"{name} cannot be read.*(directory|levels)"):
        read_authority(tmp_path)


@pytest.mark.parametrize("held", [make_certificate(make_key()), b"", b"garbage"])
def test_a_certificate_file_of_another_authority_is_refused(tmp_path: Path, held: bytes) -> None:
    """Programs would be told to trust what the relay does not sign with."""
    make_authority(tmp_path)
    (tmp_path / CERTIFICATE_FILE).write_bytes(held)
    with pytest.raises(AuthorityError, match="is not the certificate that is in"):
        read_authority(tmp_path)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_remedy_for_a_wrong_certificate_file_works(tmp_path: Path) -> None:
    """The line in the message, run as it is."""
    make_authority(tmp_path)
    (tmp_path / CERTIFICATE_FILE).unlink()
    with pytest.raises(AuthorityError, match="`openssl ") as raised:
        read_authority(tmp_path)
    subprocess.run(shlex.split(str(raised.value).split("`")[1]), check=True)
    assert read_authority(tmp_path).pem == (tmp_path / CERTIFICATE_FILE).read_bytes()


def test_a_certificate_file_without_the_last_newline_will_do(tmp_path: Path) -> None:
    """It is the certificate that counts, not the text."""
    path = make_authority(tmp_path).certificate
    path.write_bytes(path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert next(parse_certificates(path.read_bytes())) == read_authority(tmp_path).der


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_closed_to_them(tmp_path: Path, mode: int) -> None:
    """Both files that hold it; the second time there is nothing left to do."""
    make_authority(tmp_path)
    names = (KEY_FILE, "mitmproxy-ca.p12")
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    assert secure_key(tmp_path) == [tmp_path / name for name in names]
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in names} == {0o600}
    assert secure_key(tmp_path) == []


def test_a_key_of_the_owner_alone_is_left_as_it_is(tmp_path: Path) -> None:
    """Stricter modes too, and folders without a key."""
    assert secure_key(tmp_path) == []
    make_authority(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o400)
    assert secure_key(tmp_path) == []
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o400


def test_a_key_that_cannot_be_looked_at_is_not_called_open(tmp_path: Path) -> None:
    """What is wrong with it is for the reader to say."""
    (tmp_path / KEY_FILE).symlink_to(tmp_path / KEY_FILE)
    assert find_exposed(tmp_path) == []
