"""Bundles of certificates: what a program trusted before, and mitmproxy's authority with it.

`SSL_CERT_FILE` and its like replace what a program trusts, so they are given all of it and ours;
`NODE_EXTRA_CA_CERTS` adds to it.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..files import replace_file
from .pem import parse_certificates, render_certificate
from .steps import PUBLIC

SYSTEM_BUNDLES: Final = (
    "etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Red Hat, where the former is no more
    "etc/ssl/ca-bundle.pem",  # SUSE
    "etc/ssl/cert.pem",  # macOS, Alpine, FreeBSD, OpenBSD
    "usr/local/etc/ssl/cert.pem",  # FreeBSD
    "usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
    "etc/openssl/certs/ca-certificates.crt",  # NetBSD
)


def system_bundle(environ: Mapping[str, str], root: Path = Path("/")) -> Path | None:
    """The file with what programs trust: as SSL_CERT_FILE says, the system's, or certifi's.

    None on Windows, which has no such file, and where there is none at all.
    """
    named = environ.get("SSL_CERT_FILE")
    if named and _holds_something(path := Path(named)):
        return path
    if hasattr(ssl, "enum_certificates"):
        return None
    paths = [root / place for place in SYSTEM_BUNDLES]
    if root == Path("/"):
        paths += [*_openssl_bundle(), *_certifi_bundle()]
    return next(filter(_holds_something, paths), None)


def merge(source: bytes | None, authority_pem: bytes) -> bytes:
    """The source with those certificates of the authority's file that it lacks at its end."""
    source = source or b""
    known = set(parse_certificates(source))
    added = [der for der in parse_certificates(authority_pem) if der not in known]
    gap = b"\n" if added and source and not source.endswith(b"\n") else b""
    return source + gap + b"".join(map(render_certificate, added))


def write_merged(folder: Path, source: Path | None, authority: Path) -> Path:
    """Write what `source` trusts, and the authority, to a file in `folder` named by its content.

    Without a source it is Windows' own list, or nothing. Raises OSError.
    """
    before = source.read_bytes() if source else _windows_roots()
    data = merge(before, authority.read_bytes())
    path = folder / f"bundle-{hashlib.sha256(data).hexdigest()[:8]}.pem"
    if not path.is_file() or path.read_bytes() != data:
        # Whoever may not read the source may not read its copy.
        replace_file(path, data, source.stat().st_mode & PUBLIC if source else PUBLIC)
    return path


def write_added(folder: Path, source: Path | None, authority: Path) -> Path:
    """The file for a variable that adds to what is trusted, and named `source` before.

    One that names nothing readable was ignored before, and is again.
    """
    if source is None:
        return authority
    try:
        return write_merged(folder, source, authority)
    except OSError:
        return authority


def _holds_something(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def _openssl_bundle() -> list[Path]:
    name = ssl.get_default_verify_paths().openssl_cafile
    return [Path(name)] if name else []


def _certifi_bundle() -> list[Path]:
    try:
        import certifi
    except ImportError:
        return []
    return [Path(certifi.where())]


def _windows_roots() -> bytes:
    """The authorities that Windows trusts for servers; nothing on other systems."""
    listed = getattr(ssl, "enum_certificates", None)
    found = listed("ROOT") if listed else ()
    for_servers = ssl.Purpose.SERVER_AUTH.oid
    return b"".join(
        render_certificate(data)
        for data, encoding, uses in found
        if encoding == "x509_asn" and (uses is True or for_servers in uses)
    )
