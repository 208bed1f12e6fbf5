"""TLS servers whose certificates come from an authority that only the test knows."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey


class Site(NamedTuple):
    """What a server needs to be one, and the file that its clients have to trust."""

    authority: Path
    context: ssl.SSLContext


def make_site(folder: Path, name: str) -> Site:
    """A server of this name, with an authority of its own."""
    signing, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"authority of {name}")])
    root = _begin(issuer, issuer, signing, signing).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), True
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    leaf = _begin(subject, issuer, own, signing).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), False
    )
    authority, server = folder / f"{name}-authority.pem", folder / f"{name}.pem"
    authority.write_bytes(root.sign(signing, hashes.SHA256()).public_bytes(PEM))
    private = own.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server.write_bytes(private + leaf.sign(signing, hashes.SHA256()).public_bytes(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return Site(authority, context)


def _begin(
    subject: x509.Name, issuer: x509.Name, own: Key, signing: Key
) -> x509.CertificateBuilder:
    """With what strict clients look for in any certificate."""
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "crl_sign", "encipher_only", "decipher_only", "key_cert_sign"),
        ),
        False,
    )
    used = "key_cert_sign" if subject == issuer else "digital_signature"
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False
        )
        .add_extension(x509.KeyUsage(**{**usage, used: True}), True)
    )
