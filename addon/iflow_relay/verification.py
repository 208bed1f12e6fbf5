"""What is demanded of the certificate of a server that the relay calls, as options say it."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from .credential import BaseUrl
from .errors import UpstreamUnreachable


class Verification(NamedTuple):
    """mitmproxy's options of this kind; `file` and `folder` hold certificates of authorities."""

    insecure: bool = False
    file: str | None = None
    folder: str | None = None

    def make_context(self) -> ssl.SSLContext:
        """What checks a certificate as mitmproxy would; raises OSError for a file of no use.

        It reads a hundred certificates: not on the event loop.
        """
        import certifi

        # Not ssl.create_default_context: that is stricter than what mitmproxy's OpenSSL is told.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        file = self.file if self.file or self.folder else certifi.where()
        context.load_verify_locations(file, self.folder)
        return context

    def context_for(self, base: BaseUrl) -> ssl.SSLContext | None:
        """The same, where there is a certificate to check; raises UpstreamUnreachable in words."""
        if base.scheme != "https":
            return None
        try:
            return self.make_context()
        except OSError as error:
            raise UpstreamUnreachable(
                f"No certificate can be checked: {error}. Mend ssl_verify_upstream_trusted_ca."
            ) from error
