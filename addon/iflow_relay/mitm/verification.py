"""What the relay demands of an upstream's certificate, as mitmproxy's options say it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import certifi
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options

from ..config import OPTIONS
from .master import load_options


def make_context(sets: Sequence[str]) -> ssl.SSLContext:
    """What checks a certificate as the relay would with these `--set` texts.

    Raises ValueError for an option that is wrong, OSError for a file that cannot be used.
    """
    opts = Options()
    for option in OPTIONS:
        opts.add_option(option.name, option.type, option.default, option.help)
    try:
        load_options(opts, {}, sets)
    except OptionsError as error:
        raise ValueError(str(error)) from error
    # Not ssl.create_default_context: that is stricter than what mitmproxy's OpenSSL is told.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if opts.ssl_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    file, folder = opts.ssl_verify_upstream_trusted_ca, opts.ssl_verify_upstream_trusted_confdir
    context.load_verify_locations(file if file or folder else certifi.where(), folder)
    return context
