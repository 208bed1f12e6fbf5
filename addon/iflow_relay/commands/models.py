"""`iflow-relay models`."""

from __future__ import annotations

import os

import click

from ..console import print_table
from ..errors import RelayError
from .common import json_option, print_json, read_config, set_option


@click.command()
@set_option
@json_option
def models(sets: tuple[str, ...], as_json: bool) -> None:
    """List the models that the relay offers."""
    from ..offer import list_models

    try:
        entries = list_models(read_config(sets), os.environ)
    except RelayError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        print_json(entries)
        return
    columns = ("id", "name", "context_length", "description")
    rows = [tuple(str(entry.get(column) or "") for column in columns) for entry in entries]
    print_table(("id", "name", "context", "description"), rows)
