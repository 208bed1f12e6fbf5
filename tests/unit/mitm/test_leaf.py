"""The relay's certificates, made without a relay."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from tests.unit.trust.authorities import (
    lay_down,
    make_authority,
    make_certificate,
    make_key,
    render_key,
)

from iflow_relay.mitm.leaf import make_leaf
from iflow_relay.trust.authority import KEY_FILE, AuthorityError


def test_it_is_for_the_host_and_signed_by_the_authority(tmp_path: Path) -> None:
    """No key comes with it, and none of the authority's files changes."""
    authority = make_authority(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    pem = make_leaf(tmp_path, "localhost")
    leaf = x509.load_pem_x509_certificate(pem)
    leaf.verify_directly_issued_by(x509.load_der_x509_certificate(authority.der))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert b"PRIVATE" not in pem
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    """Nobody is asked for it."""
    key = make_key()
    lay_down(tmp_path, render_key(key, b"secret"), make_certificate(key))
    with pytest.raises(AuthorityError, match="passphrase"):
        make_leaf(tmp_path, "localhost")
    assert (tmp_path / KEY_FILE).exists()
