"""`iflow-relay doctor`."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from .common import json_option, print_json, read_config, set_option
from .doctor_lines import render, show, sum_up

if TYPE_CHECKING:
    from ..config import Config
    from ..doctor.chain import Case
    from ..doctor.ending import Ending
    from ..doctor.parts import Line


@click.command()
@click.option("--live", is_flag=True, help="Have a model say a few words, which costs tokens.")
@click.option(
    "--listen",
    default="127.0.0.1:8000",
    show_default=True,
    metavar="[HOST:]PORT",
    help="Where the endpoint is, or is to be.",
)
@click.option(
    "--confdir",
    type=click.Path(path_type=Path),
    help="mitmproxy's folder, if it is not ~/.mitmproxy.",
)
@set_option
@json_option
def doctor(
    live: bool, listen: str, confdir: Path | None, sets: tuple[str, ...], as_json: bool
) -> None:
    """Test the whole chain, and say what to do.

    From the settings and the upstream to a stream through a relay, and the programs that are to
    trust it. Nothing is changed, and without --live nothing is spent. The exit status is 1 where
    something is broken; a warning is not.

    \b
    Examples:
      iflow-relay doctor
      iflow-relay doctor --live
      iflow-relay doctor --json --set iflow_base_url=http://127.0.0.1:11434/v1
    """
    # What a module would warn of is said by its check.
    logging.getLogger("iflow_relay").addHandler(logging.NullHandler())
    address = read_address(listen)
    try:
        lines = examine(live, address, confdir, sets, as_json=as_json)
    except (KeyboardInterrupt, BrokenPipeError) as error:
        break_off(error)
    is_good = not any(line.verdict.status == "failure" for line in lines)
    if as_json:
        print_json({"ok": is_good, "checks": [render(line) for line in lines]})
    else:
        click.echo(f"\n{sum_up(lines)}")
    sys.exit(0 if is_good else 1)


def examine(
    live: bool,
    listen: tuple[str, int],
    confdir: Path | None,
    sets: tuple[str, ...],
    *,
    as_json: bool,
) -> list[Line]:
    """What all checks find, printed as it comes unless it is to be JSON."""
    from ..doctor.chain import find_secrets, list_parts
    from ..doctor.cleaning import clean
    from ..doctor.ending import Ending
    from ..doctor.parts import run_parts

    with make_folder() as folder, Ending() as ending:
        case = make_case(folder, ending, live, listen, confdir, sets)
        found = clean(run_parts(list_parts(case)), find_secrets(case))
        return list(found) if as_json else list(show(found))


@contextmanager
def make_folder() -> Iterator[Path]:
    """A folder for the time being; checks that were broken off may still write into it."""
    folder = Path(tempfile.mkdtemp(prefix="iflow-relay-"))
    try:
        yield folder
    finally:
        for _ in range(100):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break


def break_off(error: BaseException) -> NoReturn:
    """End at once: the usual end would take the interpreter from under checks at work."""
    if isinstance(error, KeyboardInterrupt):
        click.echo("Aborted!", err=True)
    os._exit(1)


def read_address(listen: str) -> tuple[str, int]:
    """The address to look at; ends the command where it is none."""
    from ..listen import parse_listen

    try:
        return parse_listen(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error


def make_case(
    folder: Path,
    ending: Ending,
    live: bool,
    listen: tuple[str, int],
    confdir: Path | None,
    sets: tuple[str, ...],
) -> Case:
    """All that the checks need."""
    from ..doctor.chain import Case
    from ..mitm.leaf import make_leaf
    from ..mitm.verification import make_context
    from ..remembered import restored
    from ..trust.machine import this_machine

    if confdir:
        sets = (f"confdir={confdir}", *sets)
    named = [text.partition("=")[2] for text in sets if text.startswith("confdir=")]
    return Case(
        config=read_options(sets),
        before=restored(os.environ),
        machine=this_machine(),
        confdir=Path(named[-1] if named else "~/.mitmproxy").expanduser(),
        listen=listen,
        live=live,
        folder=folder,
        ending=ending,
        make_context=partial(make_context, sets),
        make_leaf=make_leaf,
    )


def read_options(sets: tuple[str, ...]) -> Config | str:
    """The options, or what is wrong with them: that is a finding like others."""
    try:
        return read_config(sets)
    except click.ClickException as error:
        return error.message
