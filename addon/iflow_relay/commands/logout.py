"""`iflow-relay logout`."""

from __future__ import annotations

import os
import sys

import click

from ..errors import LoginError
from .common import json_option, print_json, read_config, set_option


@click.command(short_help="Remove what login wrote.")
@set_option
@json_option
def logout(sets: tuple[str, ...], as_json: bool) -> None:
    """Remove from settings.json what `login` wrote and is still as it wrote it.

    Everything else in the file stays. What still gives a key is said. The exit status is 1 where
    there is nothing that a login wrote.
    """
    from ..login.logout import log_out
    from ..login.overrides import find_overrides

    config = read_config(sets)
    try:
        done = log_out(config.settings)
    except LoginError as error:
        if as_json:
            print_json({"ok": False, "code": error.code, "problem": error.message})
        else:
            click.echo(f"Error: {error.message}", err=True)
        sys.exit(1)
    overrides = find_overrides(config, os.environ)
    above = [f"{overrides['key']} still gives a key."] if "key" in overrides else []
    kept = [*above, *done.kept]
    if as_json:
        file = str(done.written.path if done.written else config.settings)
        print_json({"ok": bool(done.removed), "file": file, "removed": done.removed, "kept": kept})
    elif done.written:
        click.echo(f"Removed from {done.written.path}: {', '.join(done.removed)}.")
    else:
        click.echo(f"{config.settings} has nothing that a login wrote.", err=True)
    if not as_json:
        for sentence in kept:
            click.echo(sentence[:1].upper() + sentence[1:])
    sys.exit(0 if done.removed else 1)
