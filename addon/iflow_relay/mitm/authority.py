"""mitmproxy's certificate authority, made by mitmproxy itself where there is none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from ..files import replace_file
from ..trust.authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    Authority,
    AuthorityError,
    read_authority,
    secure_key,
)
from ..trust.pem import parse_certificates, render_certificate
from ..trust.steps import PUBLIC

_BITS: Final = 2048
"""mitmproxy's own default, `key_size`."""


def ensure_authority(confdir: Path) -> Path:
    """The certificate to trust, of an authority that is good; makes one where there is none.

    Raises AuthorityError in words.
    """
    return load_authority(confdir).certificate


def load_authority(confdir: Path) -> Authority:
    """The authority itself, likewise."""
    folder = confdir.expanduser()
    try:
        is_new = not (folder / KEY_FILE).exists()
        if is_new:
            _make(folder)
        # Beside a new key may lie the certificate of an older one, which was moved away.
        if is_new or not (folder / CERTIFICATE_FILE).exists():
            _take_out_certificate(folder)
    except OSError as error:
        raise AuthorityError(
            f"No certificate authority can be made in {folder} ({error.strerror}): "
            "make that a folder that you may write to, or name another one (confdir)"
        ) from error
    return read_authority(folder)


def _make(folder: Path) -> None:
    """Make it aside and move it in, so that of two who do so at once both end up with one."""
    from mitmproxy.certs import CertStore

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".authority-", dir=folder) as name:
        aside = Path(name)
        CertStore.create_store(aside, "mitmproxy", _BITS)
        secure_key(aside)
        if _is_first(aside / KEY_FILE, folder / KEY_FILE):
            _move_the_rest(aside, folder)


def _is_first(made: Path, key: Path) -> bool:
    """Put the key in its place unless there is one by now."""
    try:
        os.link(made, key)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        os.replace(made, key)
    return True


def _move_the_rest(aside: Path, folder: Path) -> None:
    for path in aside.iterdir():
        if path.name != KEY_FILE:
            os.replace(path, folder / path.name)


def _take_out_certificate(folder: Path) -> None:
    """Write the certificate that stands with the key."""
    der = next(parse_certificates((folder / KEY_FILE).read_bytes()), None)
    if der:
        replace_file(folder / CERTIFICATE_FILE, render_certificate(der), PUBLIC)
