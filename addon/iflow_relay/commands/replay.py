"""`iflow-relay replay`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from ..private import Ready
from ..remembered import restored
from .common import set_option
from .record import command_argument, host_option, read_patterns, verbose_option
from .run import expected_hosts, make_arguments, run_with, start_private


@click.command(short_help="Run one program against recorded answers.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="X",
    help="1: as the answers came; 2: in half the time; 0: at once.",
)
@host_option
@set_option
@verbose_option
@command_argument
def replay(
    file: Path,
    speed: float,
    hosts: tuple[str, ...],
    sets: tuple[str, ...],
    verbose: bool,
    command: tuple[str, ...],
) -> None:
    """Run one program as `run` does, its calls answered as they were when FILE was recorded.

    No upstream is called, and no key is needed. A request is found again by method, path and body;
    order of keys, ids and dates do not count. What was not recorded gets 404 not_recorded. The exit
    code is the program's; 125 if there is no relay.

    \b
    Examples:
      iflow-relay replay session.mitm -- python my_script.py
      iflow-relay replay session.mitm --speed 0 -- pytest
    """
    if not command:
        raise click.UsageError(
            "What is to be run? For example: iflow-relay replay session.mitm -- python app.py"
        )
    patterns = read_patterns(hosts)
    before = restored(os.environ)
    played = [f"iflow_replay={os.path.abspath(file)}", f"iflow_replay_speed={speed:g}"]
    told = make_arguments(False, False, patterns, [*sets, *played, "iflow_ledger=off"])
    relay = start_replaying(told, before)
    sys.exit(run_with(relay, command, before, expected_hosts(patterns, sets), verbose=verbose))


@contextmanager
def start_replaying(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[Ready]:
    """A relay that replays, and has no credentials that it could read."""
    with tempfile.TemporaryDirectory(prefix="iflow-relay-") as folder:
        none = f"iflow_settings={Path(folder, 'settings.json')}"
        with start_private([*arguments, "--set", none], environ) as ready:
            yield ready
