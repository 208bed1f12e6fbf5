"""What `run` and `env` have in common: pointing programs at a relay that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from ..environment import proxied
from ..routing import parse_host_pattern
from ..trust.authority import CERTIFICATE_FILE
from ..trustfiles import make_trust


def point_at(
    before: Mapping[str, str], *, proxy: str, hosts: Iterable[str], confdir: str, folder: Path
) -> dict[str, str]:
    """The variables to set, their files written into `folder`; what was odd is said on stderr."""
    trust = make_trust(folder, before, authority_of(Path(confdir)))
    made = proxied(before, proxy=proxy, hosts=map(parse_host_pattern, hosts), trust=trust.files)
    for complaint in trust.complaints:
        warn(complaint)
    if made.left_out:
        warn(
            f"NO_PROXY is used without {', '.join(made.left_out)}: "
            "it would lead calls to the relay's hosts past the relay"
        )
    return made.variables


def authority_of(confdir: Path) -> Path:
    """The certificate of a relay's authority; raises AuthorityError where it is no more."""
    certificate = confdir / CERTIFICATE_FILE
    if certificate.is_file():
        return certificate  # the relay has judged it before it was ready
    from ..mitm.authority import ensure_authority

    return ensure_authority(confdir)


def warn(text: str) -> None:
    """One line on stderr."""
    click.echo(f"iflow-relay: {text}", err=True)
