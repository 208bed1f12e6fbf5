"""`iflow-relay record`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from ..files import short_path
from ..private import Ready
from ..remembered import restored
from ..routing import HostPattern, parse_host_pattern
from .common import set_option
from .pointing import warn
from .run import expected_hosts, make_arguments, run_with, start_private

host_option = click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="One more virtual host; may be repeated."
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say which relay is used.")
command_argument = click.argument(
    "command", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARGS]..."
)


@click.command(short_help="Run one program and record its calls.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@host_option
@click.option("--model", metavar="NAME", help="Default model, for names that the upstream lacks.")
@set_option
@click.option("--demo", is_flag=True, help="Answer from the embedded upstream: no key, no network.")
@verbose_option
@command_argument
def record(
    file: Path,
    hosts: tuple[str, ...],
    model: str | None,
    sets: tuple[str, ...],
    demo: bool,
    verbose: bool,
    command: tuple[str, ...],
) -> None:
    """Run one program as `run` does, and record its calls and their answers in FILE.

    What FILE held before is gone once the relay has started. There is no key in it, but all that
    was said. The exit code is the program's; 125 if there is no relay.

    \b
    Examples:
      iflow-relay record session.mitm -- python my_script.py
      mitmweb -r session.mitm
      iflow-relay replay session.mitm -- python my_script.py
    """
    if not command:
        raise click.UsageError(
            "What is to be run? For example: iflow-relay record session.mitm -- python app.py"
        )
    patterns = read_patterns(hosts)
    before = restored(os.environ)
    path = Path(os.path.abspath(file))
    told = make_arguments(False, demo, patterns, [*sets, f"iflow_record={path}"])
    named = {"IFLOW_modelName": model} if model else {}
    relay = start_recording(told, before | named, path)
    sys.exit(run_with(relay, command, before, expected_hosts(patterns, sets), verbose=verbose))


@contextmanager
def start_recording(
    arguments: Sequence[str], environ: Mapping[str, str], path: Path
) -> Iterator[Ready]:
    """A relay that records; once it has ended, what it has recorded is said."""
    with start_private(arguments, environ) as ready:
        yield ready
    warn(render_recorded(path))


def render_recorded(path: Path) -> str:
    """How much is recorded, in words."""
    from ..mitm.recorded import read_calls

    if path.exists() and not path.is_file():
        return f"what was recorded went to {short_path(path)}"
    try:
        count = len(read_calls(path))
    except (OSError, ValueError) as error:
        return f"nothing that can be read was recorded: {error}"
    return f"recorded {count} call{'s' * (count != 1)} in {short_path(path)}"


def read_patterns(hosts: Sequence[str]) -> list[HostPattern]:
    """The virtual hosts of `--host`; raises BadParameter."""
    try:
        return [parse_host_pattern(host) for host in hosts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host") from error
