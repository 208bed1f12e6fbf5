"""What the relay demands of an upstream's certificate, from mitmproxy's own options."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from tests.e2e.servers import make_certificate, read_request, stub

from iflow_relay.mitm.verification import make_context


def is_accepted(server: ssl.SSLContext, *sets: str, name: str = "127.0.0.1") -> bool:
    """Whether a server would be talked to."""
    context = make_context(sets)

    def play(connection: socket.socket) -> None:
        read_request(connection)

    with (
        stub(play, tls=server) as listener,
        socket.create_connection(("127.0.0.1", listener.port), 10) as connection,
    ):
        try:
            context.wrap_socket(connection, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_it_takes_what_mitmproxy_is_told_to_take(tmp_path: Path) -> None:
    """A file, all there is, or by default what browsers trust."""
    public, server = make_certificate(tmp_path)
    named = f"ssl_verify_upstream_trusted_ca={public}"
    assert is_accepted(server, named)
    assert not is_accepted(server, named, name="localhost")
    assert not is_accepted(server)
    assert is_accepted(server, "ssl_insecure=true", name="localhost")


def test_it_reads_the_file_of_options(tmp_path: Path) -> None:
    """The one that a start would read."""
    public, server = make_certificate(tmp_path)
    (tmp_path / "config.yaml").write_text(f"ssl_verify_upstream_trusted_ca: {public}\n")
    assert is_accepted(server, f"confdir={tmp_path}")


def test_by_default_it_knows_the_public_authorities() -> None:
    """As mitmproxy does, whatever the environment says."""
    assert len(make_context(()).get_ca_certs()) > 50


@pytest.mark.parametrize(
    ("option", "error"),
    [("iflow_timeout=x", ValueError), ("ssl_verify_upstream_trusted_ca=/no/such", OSError)],
)
def test_what_is_wrong_is_an_error(option: str, error: type[Exception]) -> None:
    """For the caller to put into words."""
    with pytest.raises(error):
        make_context((option,))
