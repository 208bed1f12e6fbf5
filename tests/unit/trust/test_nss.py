"""NSS databases: certutil as we call it, and the real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.trust.authorities import lay_down, make_authority, make_certificate, make_key
from tests.unit.trust.machines import Fake

from iflow_relay.trust.authority import Authority, read_authority
from iflow_relay.trust.nss import Entry, NssDatabase, parse_list
from iflow_relay.trust.steps import StepError, describe, take
from iflow_relay.trust.store import Found, Trust

CERTUTIL = shutil.which("certutil")
needs_certutil = pytest.mark.skipif(
    not CERTUTIL, reason="certutil (libnss3-tools) is not installed"
)

LISTED = """
Certificate Nickname                                         Trust Attributes
                                                             SSL,S/MIME,JAR/XPI

iflow-relay                                                  C,,  
A name, with commas, C,, and  blanks                         CT,c,u
Someone                                                      ,,   
Own                                                          u,u,u
A peer of a very long name that leaves but one blank after it P,,
"""  # noqa: W291


def test_the_list_is_read() -> None:
    """Names may hold anything; what counts is who may sign for servers."""
    assert parse_list(LISTED) == [
        Entry("iflow-relay", True),
        Entry("A name, with commas, C,, and  blanks", True),
        Entry("Someone", False),
        Entry("Own", False),
        Entry("A peer of a very long name that leaves but one blank after it", False),
    ]
    assert parse_list("") == []


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that is to be trusted."""
    return make_authority(tmp_path / "conf")


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A machine without certutil."""
    return Fake(tmp_path)


@pytest.fixture
def database(fake: Fake) -> NssDatabase:
    """A database that is there."""
    folder = fake.home / "nssdb"
    folder.mkdir()
    (folder / "cert9.db").touch()
    return NssDatabase("chromium", folder, fake.machine)


def test_without_certutil_nothing_is_known(database: NssDatabase, authority: Authority) -> None:
    """What to install is said for each family of systems."""
    found = database.look(authority)
    assert found.trust is Trust.UNKNOWN
    assert "certutil is not installed" in found.note
    assert "libnss3-tools" in database.lacks()


def test_a_database_that_cannot_be_read_is_unknown(
    fake: Fake, database: NssDatabase, authority: Authority
) -> None:
    """certutil's own words say why."""
    fake.program("certutil", "sys.exit('certutil: SEC_ERROR_BAD_DATABASE')")
    assert database.look(authority) == Found(Trust.UNKNOWN, note="certutil: SEC_ERROR_BAD_DATABASE")
    assert fake.calls() == [["certutil", "-d", f"sql:{database.folder}", "-L"]]


def test_the_steps_are_certutils(database: NssDatabase, authority: Authority) -> None:
    """Each certificate under our name is deleted on its own before the new one is added."""
    start = f"certutil -d sql:{database.folder}"
    add = f"{start} -A -t C,, -n iflow-relay -i {authority.certificate}"
    delete = f"{start} -D -n iflow-relay"
    steps = database.install(authority, Found(Trust.ANOTHER, 2))
    assert [describe(step) for step in steps] == [delete, delete, add]
    (database.folder / "cert9.db").unlink()
    steps = database.install(authority, database.look(authority))
    assert [describe(step) for step in steps] == [
        f"make the folder {database.folder}",
        f"{start} -N --empty-password",
        add,
    ]
    assert database.uninstall(Found(Trust.NO)) == []


@pytest.fixture
def real(fake: Fake) -> NssDatabase:
    """A place for a database, and the real certutil."""
    assert CERTUTIL
    (fake.bin / "certutil").symlink_to(CERTUTIL)
    return NssDatabase("chromium", fake.home / ".pki/nssdb", fake.machine)


def certutil(database: NssDatabase, *arguments: str | Path) -> str:
    command = ["certutil", "-d", f"sql:{database.folder}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_database(database: NssDatabase) -> None:
    database.folder.mkdir(parents=True)
    certutil(database, "-N", "--empty-password")


def install(database: NssDatabase, authority: Authority) -> None:
    for step in database.install(authority, database.look(authority)):
        take(step, database.machine)


def uninstall(database: NssDatabase) -> None:
    for step in database.uninstall(database.look(None)):
        take(step, database.machine)


@needs_certutil
def test_the_real_certutil_puts_it_in_and_out(real: NssDatabase, authority: Authority) -> None:
    """In a database that it makes, where there was not even a folder."""
    assert real.look(authority) == Found(Trust.NO, 0)
    install(real, authority)
    assert parse_list(certutil(real, "-L")) == [Entry("iflow-relay", True)]
    assert real.look(authority) == Found(Trust.YES, 1)
    assert certutil(real, "-V", "-n", "iflow-relay", "-u", "L").strip().endswith("is valid")
    uninstall(real)
    assert parse_list(certutil(real, "-L")) == []
    assert real.look(authority) == Found(Trust.NO, 0)


@needs_certutil
def test_every_authority_of_before_goes(real: NssDatabase, authority: Authority) -> None:
    """All have one subject and one name, and certutil deletes one at a time."""
    conf = authority.folder.parent
    older = [make_authority(conf / f"older-{number}") for number in range(2)]
    install(real, older[0])
    add = ("-A", "-t", "C,,", "-n", "iflow-relay", "-i")
    certutil(real, *add, older[1].certificate)
    assert real.look(authority) == Found(Trust.ANOTHER, 2)
    assert real.look(None) == Found(Trust.ANOTHER, 2)
    install(real, authority)
    assert parse_list(certutil(real, "-L")) == [Entry("iflow-relay", True)]
    assert real.look(authority) == Found(Trust.YES, 1)
    assert real.look(older[0]) == Found(Trust.ANOTHER, 1)


@needs_certutil
def test_what_somebody_else_put_in_is_trusted_and_stays(
    real: NssDatabase, authority: Authority
) -> None:
    """Under another name, beside others that are trusted too."""
    other = lay_down(authority.folder.parent / "other", b"", make_certificate(make_key()))
    make_database(real)
    for nickname, folder in (("mitmproxy", authority.folder), ("Some other", other)):
        pem = folder / authority.certificate.name
        certutil(real, "-A", "-t", "C,,", "-n", nickname, "-i", pem)
    found = real.look(authority)
    assert found == Found(Trust.YES, 0)
    assert real.uninstall(found) == []


@needs_certutil
def test_a_certificate_that_may_not_sign_for_servers_is_not_trusted(
    real: NssDatabase, authority: Authority
) -> None:
    """As browsers keep those that they have merely seen; installing makes it trusted."""
    make_database(real)
    certutil(real, "-A", "-t", ",,", "-n", "mitmproxy", "-i", authority.certificate)
    assert real.look(authority) == Found(Trust.NO, 0)
    install(real, authority)
    assert real.look(authority).trust is Trust.YES


@needs_certutil
def test_a_primary_password_makes_it_fail_at_once(
    real: NssDatabase, authority: Authority, tmp_path: Path
) -> None:
    """Nobody is there to type it; what was half done can be taken back."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    real.folder.mkdir(parents=True)
    certutil(real, "-N", "-f", password)
    with pytest.raises(StepError, match="SEC_ERROR_BAD_PASSWORD"):
        install(real, authority)
    assert real.look(authority).trust is Trust.NO
    uninstall(real)
    assert parse_list(certutil(real, "-L")) == []


@needs_certutil
def test_mitmproxys_own_authority_can_be_put_in(real: NssDatabase, tmp_path: Path) -> None:
    """Its key is RSA and its certificate has extensions that certutil looks at."""
    from mitmproxy.certs import CertStore

    CertStore.from_store(tmp_path / "own", "mitmproxy", 2048)
    authority = read_authority(tmp_path / "own")
    install(real, authority)
    assert real.look(authority) == Found(Trust.YES, 1)
