"""mitmproxy's certificate authority in a folder: read, and judged before anybody relies on it."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .pem import parse_certificates, render_certificate

if TYPE_CHECKING:
    from cryptography import x509

KEY_FILE: Final = "mitmproxy-ca.pem"
"""Key and certificate, which mitmproxy signs with."""

CERTIFICATE_FILE: Final = "mitmproxy-ca-cert.pem"
"""The certificate alone, for those who are to trust it."""

_WITH_KEY: Final = (KEY_FILE, "mitmproxy-ca.p12")
_PRIVATE: Final = 0o600


class AuthorityError(ValueError):
    """The authority cannot be used; the message says why and what to do."""


class NoAuthority(AuthorityError):
    """There is none yet."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that was found good."""

    folder: Path
    subject: str
    not_after: datetime
    der: bytes = field(repr=False)

    @property
    def certificate(self) -> Path:
        """The file to hand to programs that are to trust it."""
        return self.folder / CERTIFICATE_FILE

    @property
    def pem(self) -> bytes:
        """The certificate as it stands in a bundle."""
        return render_certificate(self.der)

    @property
    def sha256(self) -> str:
        """The fingerprint, as browsers and openssl write it."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    @property
    def sha1(self) -> str:
        """The name that macOS and Windows give a certificate: capital hexadecimal digits."""
        return find_sha1(self.der)


def find_sha1(der: bytes) -> str:
    """The name that macOS and Windows give a certificate."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def read_authority(folder: Path, now: datetime | None = None) -> Authority:
    """Read the authority in a folder; raises AuthorityError in words unless it is good."""
    signing = folder / KEY_FILE
    data = _read(signing)
    der = next(parse_certificates(data), None)
    if der is None or b"PRIVATE KEY-----" not in data:
        raise AuthorityError(f"{signing} holds no key and certificate in PEM. {_afresh(folder)}")
    certificate = _check(signing, data, der, now or datetime.now(UTC))
    _check_certificate_file(folder, der)
    subject = certificate.subject.rfc4514_string()
    return Authority(folder, subject, certificate.not_valid_after_utc, der)


def find_exposed(folder: Path) -> list[Path]:
    """The files with the key that others than their owner may read."""
    if os.name != "posix":
        return []
    return [path for name in _WITH_KEY if _is_exposed(path := folder / name)]


def _is_exposed(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def secure_key(folder: Path) -> list[Path]:
    """Keep the key from others; returns the files that were open to them until now."""
    exposed = find_exposed(folder)
    for path in exposed:
        try:
            path.chmod(_PRIVATE)
        except OSError as error:
            raise AuthorityError(
                f"Others may read the key in {path}, and that cannot be changed "
                f"({error.strerror}): do `chmod 600 {path}` as its owner"
            ) from error
    return exposed


def _read(signing: Path) -> bytes:
    try:
        return signing.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NoAuthority(
            f"There is no certificate authority in {signing.parent} yet: "
            "`iflow-relay ca path` makes one, and so does the relay's first start"
        ) from None
    except OSError as error:
        raise AuthorityError(f"{signing} cannot be read: {error.strerror}") from error


def _check(signing: Path, data: bytes, der: bytes, now: datetime) -> x509.Certificate:
    """The parsed certificate, if it is an authority's, valid now, and the key is its own."""
    from cryptography import x509

    afresh = _afresh(signing.parent)
    try:
        certificate = x509.load_der_x509_certificate(der)
        public = certificate.public_key()
        is_authority = certificate.extensions.get_extension_for_class(
            x509.BasicConstraints
        ).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    except ValueError as error:
        raise AuthorityError(f"The certificate in {signing} is damaged. {afresh}") from error
    if not is_authority:
        raise AuthorityError(f"The certificate in {signing} is no authority's. {afresh}")
    if now > certificate.not_valid_after_utc:
        on = certificate.not_valid_after_utc.date()
        raise AuthorityError(f"The authority in {signing} expired on {on}. {afresh}")
    if now < certificate.not_valid_before_utc:
        on = certificate.not_valid_before_utc.date()
        raise AuthorityError(
            f"The authority in {signing} begins to be valid on {on} only: is this machine's "
            f"clock right? If it is: {afresh[0].lower()}{afresh[1:]}"
        )
    if not _is_key_of(public, data, signing):
        raise AuthorityError(f"Key and certificate in {signing} do not match. {afresh}")
    return certificate


def _is_key_of(public: object, data: bytes, signing: Path) -> bool:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(data, None).public_key() == public
    except TypeError:
        # The key has a passphrase, which mitmproxy is told by its option `cert_passphrase`.
        return True
    except ValueError as error:
        afresh = _afresh(signing.parent)
        raise AuthorityError(f"The key in {signing} is damaged. {afresh}") from error


def _check_certificate_file(folder: Path, der: bytes) -> None:
    path = folder / CERTIFICATE_FILE
    command = ("openssl", "x509", "-in", str(folder / KEY_FILE), "-out", str(path))
    remedy = f"do `{shlex.join(command)}`"
    try:
        found = next(parse_certificates(path.read_bytes()), None)
    except OSError as error:
        raise AuthorityError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    if found != der:
        raise AuthorityError(
            f"{path} is not the certificate that is in {KEY_FILE} beside it, "
            f"which the relay signs with: {remedy}"
        )


def _afresh(folder: Path) -> str:
    return (
        f"Move {folder / KEY_FILE} away and start the relay again: a new one is made; "
        "then `iflow-relay ca install` where the old one was trusted"
    )
