"""`iflow-relay ca status`, `path` and `bundle`: what they show, and what they refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.commands.debian import ask, make_debian, read_stores
from tests.unit.trust.authorities import lay_down, make_authority, make_certificate, make_key
from tests.unit.trust.machines import Fake

from iflow_relay.trust.authority import KEY_FILE


@pytest.fixture
def user(tmp_path: Path) -> Fake:
    """A user's Debian."""
    return make_debian(tmp_path, is_root=False)


def test_the_status_says_who_trusts_it_and_what_to_do(
    user: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each store that such a system may have."""
    ask(user, "install", "--yes", "--store", "chromium")
    monkeypatch.setenv("HOME", str(user.home))
    monkeypatch.setenv("COLUMNS", "160")
    result = ask(user, "status")
    assert result.exit_code == 0
    assert re.search(r"^ *chromium +yes +yes +~/\.pki/nssdb *$", result.output, re.MULTILINE)
    assert str(user.home / ".mitmproxy/mitmproxy-ca-cert.pem") in result.output
    assert "SHA-256 " in result.output
    found = {store["store"]: store for store in read_stores(user)}
    assert {name: store["trusts"] for name, store in found.items() if store["present"]} == {
        "debian": "no",
        "chromium": "yes",
    }
    assert found["debian"]["what_to_do"] == "ca install --store debian (needs root)"
    assert found["debian"]["steps"][-1] == "update-ca-certificates"  # type: ignore[index]
    assert found["chromium"]["what_to_do"] is None
    make_authority(user.home / ".mitmproxy")
    assert {store["trusts"] for store in read_stores(user)} == {"no", "another"}


def test_an_authority_that_is_no_good_is_told(user: Fake) -> None:
    """By the exit status and in words; an installation of it is refused."""
    key = make_key()
    lay_down(user.home / ".mitmproxy", b"", make_certificate(key))
    result = ask(user, "status", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["ok"] is False
    assert document["authority"] is None
    assert "holds no key" in document["problem"]
    assert "holds no key" in ask(user, "status").output
    for command in ("path", "bundle", "install"):
        result = ask(user, command)
        assert result.exit_code == 1
        assert "holds no key" in result.output


def test_a_key_that_others_may_read_is_closed_and_that_is_said(user: Fake) -> None:
    """Once."""
    key = user.home / ".mitmproxy" / KEY_FILE
    key.chmod(0o644)
    said = f"Others could read the key in {key}: its mode is 0600 now.\n"
    assert said in ask(user, "status").output
    assert key.stat().st_mode & 0o777 == 0o600
    assert said not in ask(user, "status").output


def test_under_sudo_the_folder_has_to_be_named(tmp_path: Path) -> None:
    """Root's own authority is not the one that the user's relay signs with."""
    fake = Fake(tmp_path, is_root=True, environ={"SUDO_USER": "nobody"})
    result = ask(fake, "path")
    assert result.exit_code == 1
    assert "Under sudo this would be root's authority, not nobody's" in result.output
    folder = make_authority(tmp_path / "conf").folder
    assert ask(fake, "--confdir", str(folder), "path").exit_code == 0


def test_the_bundle_has_the_systems_certificates_and_ours(user: Fake) -> None:
    """What the system lacks is said."""
    result = ask(user, "bundle")
    assert result.exit_code == 0
    assert result.stderr == "What this system trusts was not found: the file lacks it.\n"
    theirs = make_certificate(make_key())
    (user.root / "etc/ssl/certs").mkdir(parents=True)
    (user.root / "etc/ssl/certs/ca-certificates.crt").write_bytes(theirs)
    path = Path(ask(user, "bundle").stdout.strip())
    ours = (user.home / ".mitmproxy/mitmproxy-ca-cert.pem").read_bytes()
    assert path.read_bytes() == theirs + ours
