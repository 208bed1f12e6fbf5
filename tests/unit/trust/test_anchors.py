"""The trust stores of Linux systems, each with its own folder and program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unit.trust.authorities import make_authority, make_certificate, make_key
from tests.unit.trust.machines import Fake

from iflow_relay.trust.anchors import FAMILIES, AnchorFolder, Family
from iflow_relay.trust.authority import Authority
from iflow_relay.trust.steps import describe, take
from iflow_relay.trust.store import Found, Trust

# What every such program does: write all that is in its folder to one file.
GATHER = """
    folder, bundle = pathlib.Path({folder!r}), pathlib.Path({bundle!r})
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(path.read_bytes() for path in folder.iterdir()))
"""

PROGRAM = Path("/usr/sbin/update-ca-certificates")


def is_debians(program: Path) -> bool:
    """Whether it is there and can be pointed to other folders; Alpine's and SUSE's cannot."""
    return program.is_file() and b"--localcertsdir" in program.read_bytes()


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    """Each kind of system in turn."""
    found: Family = request.param
    return found


@pytest.fixture
def fake(tmp_path: Path, family: Family) -> Fake:
    """A machine of that kind."""
    fake = Fake(tmp_path)
    folder = fake.root / family.folder
    folder.mkdir(parents=True)
    paths = {"folder": str(folder), "bundle": str(fake.root / family.bundle)}
    fake.program(family.refresh[0], GATHER.format(**paths))
    return fake


@pytest.fixture
def store(fake: Fake, family: Family) -> AnchorFolder:
    """Its trust store."""
    return AnchorFolder(family, fake.machine)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that is to be trusted."""
    return make_authority(tmp_path / "conf")


def install(store: AnchorFolder, authority: Authority) -> None:
    for step in store.install(authority, store.look(authority)):
        take(step, store.machine)


def test_it_is_here_if_its_folder_is(fake: Fake, store: AnchorFolder) -> None:
    """Only root can change it, and only with its program."""
    assert store.present
    assert store.needs_root
    assert store.lacks() == ""
    shutil.rmtree(fake.bin)
    assert store.lacks().endswith("is not installed")
    store.file.parent.rmdir()
    assert not store.present


def test_a_certificate_goes_in_and_out(
    fake: Fake, family: Family, store: AnchorFolder, authority: Authority
) -> None:
    """Nothing is left but what was there before."""
    theirs = store.file.with_name("theirs.crt")
    theirs.write_bytes(make_certificate(make_key()))
    assert store.look(authority) == Found(Trust.NO, 0)
    install(store, authority)
    assert fake.calls() == [list(family.refresh)]
    assert store.file.name.startswith("iflow-relay.")
    assert store.file.read_bytes() == authority.pem
    found = store.look(authority)
    assert found == Found(Trust.YES, 1)
    for step in store.uninstall(found):
        take(step, store.machine)
    assert fake.calls() == [list(family.clean)]
    assert store.look(authority) == Found(Trust.NO, 0)
    assert list(theirs.parent.iterdir()) == [theirs]


def test_an_authority_of_before_is_another(store: AnchorFolder, authority: Authority) -> None:
    """The file's name alone says nothing; a new installation takes its place."""
    older = make_authority(authority.folder.parent / "older")
    install(store, older)
    assert store.look(authority) == Found(Trust.ANOTHER, 1)
    assert store.look(None) == Found(Trust.ANOTHER, 1)
    install(store, authority)
    assert store.look(authority) == Found(Trust.YES, 1)
    assert store.look(older).trust is Trust.ANOTHER


def test_a_file_that_was_never_read_in_is_not_trusted(
    store: AnchorFolder, authority: Authority
) -> None:
    """The program did not run, so other programs know nothing of it."""
    store.file.write_bytes(authority.pem)
    assert store.look(authority) == Found(Trust.NO, 1)


def test_what_somebody_else_installed_is_trusted_and_stays(
    fake: Fake, store: AnchorFolder, authority: Authority
) -> None:
    """mitmproxy's users do so under names of their own."""
    store.file.with_name("mitmproxy.crt").write_bytes(authority.pem)
    fake.machine.run(store.family.refresh)
    found = store.look(authority)
    assert found == Found(Trust.YES, 0)
    assert store.uninstall(found) == []


@pytest.mark.parametrize("family", [FAMILIES[0]], indirect=True)
def test_the_steps_say_what_will_happen(store: AnchorFolder, authority: Authority) -> None:
    """Debian's, word for word."""
    ours = Found(Trust.YES, 1)
    assert [describe(step) for step in store.install(authority, ours)] == [
        f"copy {authority.certificate} to {store.file}",
        "update-ca-certificates",
    ]
    assert [describe(step) for step in store.uninstall(ours)] == [
        f"remove {store.file}",
        "update-ca-certificates --fresh",
    ]


@pytest.mark.parametrize("family", [FAMILIES[0]], indirect=True)
@pytest.mark.skipif(not is_debians(PROGRAM), reason="Debian's ca-certificates is not installed")
def test_the_real_update_ca_certificates_takes_it_in_and_out(
    fake: Fake, store: AnchorFolder, authority: Authority
) -> None:
    """In folders of the test's own, to which its options point it."""
    etc = fake.root / "etc/ssl/certs"
    for folder in (etc, fake.root / "hooks", fake.root / "system"):
        folder.mkdir(parents=True)
    (fake.root / "conf").write_text("theirs.crt\n")
    theirs = make_certificate(make_key())
    (fake.root / "system/theirs.crt").write_bytes(theirs)
    options = {
        "certsconf": fake.root / "conf",
        "certsdir": fake.root / "system",
        "localcertsdir": store.file.parent,
        "etccertsdir": etc,
        "hooksdir": fake.root / "hooks",
    }
    words = [word for name, path in options.items() for word in (f"--{name}", str(path))]
    # It is a shell script that needs the system's tools.
    fake.program(
        "update-ca-certificates",
        f"os.environ['PATH'] = {'/usr/bin:/bin:/usr/sbin:/sbin'!r}\n"
        f"os.execv({str(PROGRAM)!r}, [{str(PROGRAM)!r}, *{words!r}, *args])",
    )
    install(store, authority)
    bundle = etc / "ca-certificates.crt"
    assert bundle.read_bytes() == theirs + authority.pem
    assert (etc / "iflow-relay.pem").resolve() == store.file
    assert store.look(authority) == Found(Trust.YES, 1)
    for step in store.uninstall(store.look(authority)):
        take(step, store.machine)
    assert bundle.read_bytes() == theirs
    assert store.look(authority) == Found(Trust.NO, 0)
    assert [path for path in etc.iterdir() if not path.exists()] == []
