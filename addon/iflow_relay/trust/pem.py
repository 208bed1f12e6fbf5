"""Certificates in PEM text."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")


def parse_certificates(data: bytes) -> Iterator[bytes]:
    """The certificates in a PEM file, each as DER; blocks that are damaged are left out."""
    for block in _CERTIFICATE.findall(data):
        try:
            yield base64.b64decode(b"".join(block.split()), validate=True)
        except ValueError:
            continue


def render_certificate(der: bytes) -> bytes:
    """One certificate as PEM, with a newline at its end."""
    return ssl.DER_cert_to_PEM_cert(der).encode()
