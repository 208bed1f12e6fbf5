"""`iflow-relay status`."""

from __future__ import annotations

import os
import sys

import click

from ..console import print_table, status_rows
from ..session import Session
from .common import json_option, print_json, read_config, set_option


@click.command()
@set_option
@json_option
def status(sets: tuple[str, ...], as_json: bool) -> None:
    """Show where requests would go, with which key, and where each value came from.

    The exit status is 1 where something is wrong.
    """
    config = read_config(sets)
    session = Session(config, os.environ)
    session.refresh()
    rows = status_rows(session, config)
    problem = session.problem.message if session.problem else None
    if as_json:
        values = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        document = {"ok": not problem, "problem": problem, **values}
        print_json(document)
    else:
        print_table(("what", "value", "from"), rows)
        if problem:
            click.echo(f"Not ready: {problem}", err=True)
    sys.exit(1 if problem else 0)
