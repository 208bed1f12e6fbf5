"""Whether the programs of this machine trust the relay's certificate, and would go through it."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ..routing import HostPattern
from ..trust.authority import KEY_FILE, Authority, AuthorityError
from .parts import Part, run_together
from .programs import ABSENT, PROGRAMS, Gap, Program
from .shell import SET, Way, find_way
from .trial import Heard, Trial, try_program
from .verdict import Verdict, ok, skipped, warning

MakeLeaf = Callable[[Path, str], bytes]
"""Makes the certificate for a host, in PEM, that the authority in a folder signs."""

TRUST: Final = f"start it with `iflow-relay run -- PROGRAM`, or after `{SET}`"
INSTALL: Final = f"{TRUST}, or do `iflow-relay ca install`"


def check_runtimes(
    environ: Mapping[str, str],
    hosts: Sequence[HostPattern],
    authority: Authority | None,
    make_leaf: MakeLeaf,
    folder: Path,
    programs: Sequence[Program] = PROGRAMS,
) -> Iterator[Verdict]:
    """A verdict on this shell's proxy, and one on each program that is there."""
    way = find_way(environ, hosts)
    yield way.verdict
    if authority is None:
        yield skipped("programs", "there is no good authority that they could trust")
        return
    try:
        context = make_server(authority.folder, make_leaf, folder)
    except AuthorityError as error:
        yield skipped("programs", f"not tried: {error}")
        return
    found = [(p, path) for p in programs if (path := _find(p, environ))]
    yield from run_together(
        [Part(p.name, partial(_check, p, path, environ, way, context)) for p, path in found]
    )


def make_server(authority: Path, make_leaf: MakeLeaf, folder: Path) -> ssl.SSLContext:
    """What shows the relay's certificate for localhost; `folder` gets a file without any key."""
    leaf = folder / "localhost.pem"
    leaf.write_bytes(make_leaf(authority, "localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # mitmproxy's certificates all have the key of their authority.
    context.load_cert_chain(leaf, authority / KEY_FILE)
    return context


def _find(program: Program, environ: Mapping[str, str]) -> str | None:
    path = environ.get("PATH", os.defpath)
    return next(filter(None, (shutil.which(name, path=path) for name in program.names)), None)


def _check(
    program: Program, path: str, environ: Mapping[str, str], way: Way, context: ssl.SSLContext
) -> Iterator[Verdict]:
    trial = try_program((path, *program.arguments), environ, context)
    if trial.heard is Heard.NOTHING:
        if trial.status != ABSENT:
            yield skipped(program.name, f"{path} fetched nothing: {_why(trial)}")
        return
    version = trial.out.partition("\n")[0].strip()
    # Where there is no relay in this shell, `run` is what would bring one.
    variables = environ if way.through_relay else {"NODE_USE_ENV_PROXY": "1"}
    gap = program.find_gap(version, variables)
    yield judge(program, gap, trusts=trial.heard is Heard.REQUEST, through_relay=way.through_relay)


def judge(program: Program, gap: Gap | None, *, trusts: bool, through_relay: bool) -> Verdict:
    """What it means that a program trusts the certificate, or not, and takes the proxy, or not."""
    found = "trusts the relay's certificate" if trusts else "does not trust the relay's certificate"
    if gap:
        found += f"; {gap.why}"
    elif through_relay:
        found += ", and goes through the relay" if trusts else ": its calls through the relay fail"
    advice = [] if trusts else [INSTALL if program.by_system else TRUST]
    advice += [gap.advice] if gap else []
    return warning(program.name, found, "; ".join(advice)) if advice else ok(program.name, found)


def _why(trial: Trial) -> str:
    if trial.status is None:
        return trial.err or "it did not end in time"
    lines = trial.err.strip().splitlines()
    return lines[-1].strip()[:200] if lines else f"it ended with status {trial.status}"
