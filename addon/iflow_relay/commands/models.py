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
    """List the models that the relay offers, and the agents."""
    from ..agent.book import AgentBook, render_agent
    from ..offer import list_models

    agents = [render_agent(name) for name in AgentBook().list_agents()]
    try:
        entries = list_models(read_config(sets), os.environ)
    except RelayError as error:
        if not agents:
            raise click.ClickException(error.message) from error
        # Who has only agents needs no upstream.
        click.echo(error.message, err=True)
        entries = []
    entries = [*entries, *agents]
    if as_json:
        print_json(entries)
        return
    columns = ("id", "name", "context_length", "description")
    rows = [tuple(str(entry.get(column) or "") for column in columns) for entry in entries]
    print_table(("id", "name", "context", "description"), rows)
