"""Certificate authorities as mitmproxy lays them down, good ones and bad ones."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from iflow_relay.trust.authority import CERTIFICATE_FILE, KEY_FILE, Authority, read_authority

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey


def make_key() -> Key:
    """A key; elliptic, because those are made at once."""
    return ec.generate_private_key(ec.SECP256R1())


def render_key(key: Key, passphrase: bytes = b"") -> bytes:
    """The key in PEM, as mitmproxy writes it."""
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else None
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(PEM, form, locked or serialization.NoEncryption())


def make_certificate(key: Key, days: tuple[int, int] = (-2, 365), ca: bool | None = True) -> bytes:
    """A certificate that signs itself, valid from and until so many days from now, as PEM."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mitmproxy")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days[0]))
        .not_valid_after(now + datetime.timedelta(days[1]))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


def lay_down(folder: Path, key: bytes, certificate: bytes) -> Path:
    """The two files that matter, in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    signing = folder / KEY_FILE
    signing.write_bytes(key + certificate)
    signing.chmod(0o600)
    (folder / CERTIFICATE_FILE).write_bytes(certificate)
    return folder


def make_authority(folder: Path) -> Authority:
    """A good one."""
    key = make_key()
    return read_authority(lay_down(folder, render_key(key), make_certificate(key)))
