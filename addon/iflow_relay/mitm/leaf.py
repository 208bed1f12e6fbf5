"""The certificate that the relay shows for a host, made without a relay that runs."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy.certs import dummy_cert

from ..trust.authority import KEY_FILE, AuthorityError


def make_leaf(folder: Path, host: str) -> bytes:
    """The certificate, in PEM, that the authority in the folder signs; its key is the authority's.

    Raises AuthorityError where that key has a passphrase.
    """
    data = (folder / KEY_FILE).read_bytes()
    authority = x509.load_pem_x509_certificates(data)[0]
    try:
        key = load_pem_private_key(data, None)
    except TypeError as error:
        raise AuthorityError("The authority's key has a passphrase") from error
    # mitmproxy names RSA alone, and signs with any key.
    return dummy_cert(key, authority, host, [x509.DNSName(host)]).to_pem()  # type: ignore[arg-type]
