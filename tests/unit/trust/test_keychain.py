"""macOS and Windows, by programs that play theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.trust.authorities import make_authority
from tests.unit.trust.machines import Fake

from iflow_relay.trust.authority import Authority
from iflow_relay.trust.keychain import Keychain, NamelessStore, WindowsStore
from iflow_relay.trust.steps import StepError, take
from iflow_relay.trust.store import Found, Trust

# A keychain is a folder with files named by SHA-1; certificates that it has are trusted.
COMMON = """
    import base64, hashlib
    store = pathlib.Path({store!r})
    def sha1(path):
        lines = [line for line in open(path) if '-' not in line]
        return hashlib.sha1(base64.b64decode(''.join(lines))).hexdigest().upper()
    def end(found):
        sys.exit(0 if found else 'SecKeychainSearchCopyNext: not found')
"""
SECURITY = """
    if args[0] == 'verify-cert':
        end((store / sha1(args[-1])).exists())
    elif args[0] == 'find-certificate':
        for path in store.iterdir():
            print('SHA-256 hash: ...\\nSHA-1 hash: ' + path.name)
    elif args[0] == 'add-trusted-cert':
        (store / sha1(args[-1])).touch()
    elif args[0] == 'delete-certificate':
        (store / args[args.index('-Z') + 1]).unlink()
"""
CERTUTIL = """
    assert args[0] == '-user' and args[2] == 'Root'
    if args[1] == '-store':
        end((store / args[3]).exists())
    elif args[1] == '-addstore':
        (store / sha1(args[3])).touch()
    elif args[1] == '-delstore':
        (store / args[3]).unlink()
"""


@pytest.fixture(params=["darwin", "win32"])
def fake(tmp_path: Path, request: pytest.FixtureRequest) -> Fake:
    """A machine of each system."""
    system = tmp_path / "Windows"
    fake = Fake(tmp_path, request.param, environ={"SystemRoot": str(system)})
    common = COMMON.format(store=str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    if request.param == "darwin":
        fake.program("security", common + SECURITY)
    else:
        fake.program("certutil", "sys.exit('this is the one of NSS')")
        fake.program("certutil.exe", common + CERTUTIL, folder=system / "System32")
    return fake


@pytest.fixture
def store(fake: Fake) -> NamelessStore:
    """Its store."""
    kind = Keychain if fake.machine.platform == "darwin" else WindowsStore
    return kind(fake.machine)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that is to be trusted."""
    return make_authority(tmp_path / "conf")


def install(store: NamelessStore, authority: Authority) -> None:
    for step in store.install(authority, store.look(authority)):
        take(step, store.machine)


def uninstall(store: NamelessStore) -> None:
    for step in store.uninstall(store.look(None)):
        take(step, store.machine)


def kept(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "store").iterdir()}


def test_every_such_system_has_one_store_of_the_users(store: NamelessStore, fake: Fake) -> None:
    """No root is needed, and its program is the system's own."""
    assert store.present
    assert not store.needs_root
    assert store.lacks() == ""
    elsewhere = Fake(fake.root, "linux")
    assert not type(store)(elsewhere.machine).present


def test_a_certificate_goes_in_and_out(
    tmp_path: Path, store: NamelessStore, authority: Authority
) -> None:
    """Nothing is left, our own note neither."""
    assert store.look(authority) == Found(Trust.NO, 0)
    install(store, authority)
    assert kept(tmp_path) == {authority.sha1}
    assert store.look(authority) == Found(Trust.YES, 1)
    uninstall(store)
    assert kept(tmp_path) == set()
    assert store.look(authority) == Found(Trust.NO, 0)
    assert not store.copy.exists()
    assert store.uninstall(store.look(None)) == []


def test_an_authority_of_before_goes_when_the_new_one_comes(
    tmp_path: Path, store: NamelessStore, authority: Authority
) -> None:
    """Known by the copy that was kept, as the authority itself may be gone."""
    install(store, make_authority(tmp_path / "older"))
    assert store.look(authority) == Found(Trust.ANOTHER, 1)
    assert store.look(None) == Found(Trust.ANOTHER, 1)
    install(store, authority)
    assert kept(tmp_path) == {authority.sha1}
    assert store.look(authority) == Found(Trust.YES, 1)


def test_what_somebody_else_put_in_is_trusted_and_stays(
    tmp_path: Path, store: NamelessStore, authority: Authority
) -> None:
    """There is no copy of it, so it was not us."""
    (tmp_path / "store" / authority.sha1).touch()
    found = store.look(authority)
    assert found == Found(Trust.YES, 0)
    assert store.uninstall(found) == []


def test_what_somebody_took_out_by_hand_is_only_forgotten(
    tmp_path: Path, store: NamelessStore, authority: Authority
) -> None:
    """The system's program would fail to delete it again."""
    install(store, authority)
    (tmp_path / "store" / authority.sha1).unlink()
    assert store.look(authority) == Found(Trust.NO, 1)
    uninstall(store)
    assert not store.copy.exists()


def test_a_person_who_declines_leaves_no_trace(
    fake: Fake, store: NamelessStore, authority: Authority
) -> None:
    """Both systems ask in a window of their own."""
    for path in (fake.bin / "security", *fake.root.parent.glob("Windows/*/*")):
        if path.exists():
            fake.program(path.name, "sys.exit('denied')", folder=path.parent)
    with pytest.raises(StepError, match=r"^denied$"):
        install(store, authority)
    assert not store.copy.exists()


@pytest.mark.parametrize("fake", ["darwin"], indirect=True)
def test_macos_is_asked_to_trust_it_for_servers_in_the_login_keychain(
    fake: Fake, store: NamelessStore, authority: Authority
) -> None:
    """Word for word, as there is no macOS among the machines that test this."""
    keychain = str(fake.home / "Library/Keychains/login.keychain-db")
    pem = str(authority.certificate)
    install(store, authority)
    assert fake.calls() == [
        ["security", "verify-cert", "-q", "-L", "-l", "-c", pem],
        [
            *("security", "add-trusted-cert", "-r", "trustRoot"),
            *("-p", "ssl", "-p", "basic", "-k", keychain, pem),
        ],
    ]
    uninstall(store)
    assert fake.calls()[-1] == [
        *("security", "delete-certificate", "-Z", authority.sha1, "-t", keychain)
    ]


@pytest.mark.parametrize("fake", ["win32"], indirect=True)
def test_windows_own_certutil_is_asked(
    fake: Fake, store: NamelessStore, authority: Authority
) -> None:
    """Word for word, and never the program of that name on PATH."""
    install(store, authority)
    uninstall(store)
    root = ["certutil.exe", "-user"]
    assert fake.calls() == [
        [*root, "-store", "Root", authority.sha1],
        [*root, "-addstore", "Root", str(authority.certificate)],
        [*root, "-store", "Root", authority.sha1],
        [*root, "-store", "Root", authority.sha1],
        [*root, "-delstore", "Root", authority.sha1],
    ]
