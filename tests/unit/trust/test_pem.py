"""Certificates in PEM text: what counts as one."""

from __future__ import annotations

import pytest
from tests.unit.trust.authorities import make_certificate, make_key

from iflow_relay.trust.pem import parse_certificates, render_certificate

ONE = make_certificate(make_key())
OTHER = make_certificate(make_key())
(DER,) = parse_certificates(ONE)
(OTHER_DER,) = parse_certificates(OTHER)
BEGIN = b"-----BEGIN CERTIFICATE-----\n"
END = b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"words", []),
        (ONE, [DER]),
        (ONE + OTHER, [DER, OTHER_DER]),
        (ONE.replace(b"\n", b"\r\n"), [DER]),
        (ONE.rstrip(b"\n"), [DER]),
        (b"# a comment\n" + ONE + b"another\n" + OTHER, [DER, OTHER_DER]),
        (BEGIN + b"no base64!\n" + END + OTHER, [OTHER_DER]),
        (BEGIN + b"QUJD\n" + ONE, [DER]),
        (ONE[: len(ONE) // 2], []),
        (ONE.replace(b"CERTIFICATE", b"PRIVATE KEY"), []),
    ],
)
def test_the_certificates_of_a_file_are_found(data: bytes, found: list[bytes]) -> None:
    """Whatever stands between them; what is damaged is left out."""
    assert list(parse_certificates(data)) == found


def test_a_certificate_is_written_as_it_was_read() -> None:
    """The usual lines of 64 letters, and a newline at the end."""
    assert render_certificate(DER) == ONE
