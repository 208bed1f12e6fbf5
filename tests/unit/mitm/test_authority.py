"""mitmproxy's certificate authority: made where there is none, and by whoever comes first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mitmproxy.certs import CertStore
from tests.unit.trust.authorities import lay_down, make_authority, make_certificate, make_key

from iflow_relay.mitm.authority import ensure_authority, load_authority
from iflow_relay.trust.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    AuthorityError,
    find_exposed,
    read_authority,
)

ADDON = Path(__file__).parents[3] / "addon"
KEYS = {KEY_FILE, "mitmproxy-ca.p12"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_authority_is_made_where_there_is_none(tmp_path: Path) -> None:
    """All of mitmproxy's files; the key, and a folder that was not there, for the owner alone."""
    CertStore.from_store(tmp_path / "own", "mitmproxy", 2048)
    folder = tmp_path / "deep" / "conf"
    umask = os.umask(0)
    try:
        path = ensure_authority(folder)
    finally:
        os.umask(umask)
    assert path == folder / CERTIFICATE_FILE
    assert contents(folder).keys() == contents(tmp_path / "own").keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in KEYS} == {0o600}
    assert load_authority(folder).subject == "O=mitmproxy,CN=mitmproxy"


def test_the_one_that_is_there_is_taken(tmp_path: Path) -> None:
    """Not a byte of it changes."""
    authority = make_authority(tmp_path)
    before = contents(tmp_path)
    assert ensure_authority(tmp_path) == authority.certificate
    assert contents(tmp_path) == before


def test_mitmproxy_takes_the_one_that_was_made(tmp_path: Path) -> None:
    """It signs with what programs were told to trust."""
    authority = load_authority(tmp_path)
    store = CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert store.default_ca.to_pem() == authority.pem


def test_the_folder_may_begin_with_a_tilde(home: Path) -> None:
    """As mitmproxy's own option is written."""
    assert ensure_authority(Path("~/.mitmproxy")) == home / ".mitmproxy" / CERTIFICATE_FILE


def test_a_certificate_file_that_is_missing_is_taken_from_the_key_file(tmp_path: Path) -> None:
    """mitmproxy does not need it, so it does not make it again."""
    authority = make_authority(tmp_path)
    authority.certificate.unlink()
    assert ensure_authority(tmp_path).read_bytes() == authority.pem


def test_where_the_key_was_moved_away_the_new_certificate_is_its_own(tmp_path: Path) -> None:
    """What to do with a bad authority: the old certificate lies there still."""
    old = make_authority(tmp_path)
    (tmp_path / KEY_FILE).rename(tmp_path / "old.pem")
    assert load_authority(tmp_path).der != old.der


def test_a_bad_one_is_refused_and_kept(tmp_path: Path) -> None:
    """Somebody may want it back."""
    lay_down(tmp_path, b"garbage", make_certificate(make_key()))
    before = contents(tmp_path)
    with pytest.raises(AuthorityError, match="holds no key"):
        ensure_authority(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("path", ["file", "file/conf", "loop/conf"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, path: str) -> None:
    """In words, with what to do."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(AuthorityError, match=r"No certificate authority can be made in .*confdir"):
        ensure_authority(tmp_path / path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    """Likewise, and nothing is left behind."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(AuthorityError, match=r"\(Permission denied\)"):
            ensure_authority(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert contents(tmp_path) == {}


def test_those_who_start_at_once_end_up_with_one(tmp_path: Path) -> None:
    """Whose key is there first wins, and all know its certificate."""
    program = (
        "import sys; from pathlib import Path; from iflow_relay.mitm.authority import *; "
        "input(); print(load_authority(Path(sys.argv[1])).sha256)"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "conf")],
            env=os.environ | {"PYTHONPATH": str(ADDON)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert said == {read_authority(tmp_path / "conf").sha256}
    assert find_exposed(tmp_path / "conf") == []
    assert [name for name in contents(tmp_path / "conf") if name.startswith(".")] == []


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a USB stick."""

    def refuse(*paths: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    ensure_authority(tmp_path)
    assert contents(tmp_path).keys() >= {KEY_FILE, CERTIFICATE_FILE}
