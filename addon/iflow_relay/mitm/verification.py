"""What the relay demands of an upstream's certificate, as mitmproxy's options say it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options

from ..options import OPTIONS
from ..verification import Verification
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
    return read_verification(opts).make_context()


def read_verification(opts: Any) -> Verification:
    """mitmproxy's options of this kind."""
    return Verification(
        opts.ssl_insecure,
        opts.ssl_verify_upstream_trusted_ca,
        opts.ssl_verify_upstream_trusted_confdir,
    )
