"""`iflow-relay explain`."""

from __future__ import annotations

import os
import sys

import click

from ..errors import RelayError
from ..explanation import explain as explain_target
from ..interception import parse_target
from ..presence import find_running
from ..routing import parse_host_pattern
from ..session import Session
from .common import json_option, print_json, read_config, set_option

TUNNELLED = 1


@click.command(short_help="Say what would become of a URL.")
@click.argument("url")
@click.option("--method", default=None, help="GET, or POST where the address is one of chat.")
@set_option
@json_option
def explain(url: str, method: str | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Say whether a URL or host would be intercepted, by which rule, and where it would go.

    Where a relay runs its virtual hosts count, unless --set names others. The exit status is 0 for
    intercepted, 1 for tunnelled.

    \b
    Examples:
      iflow-relay explain https://api.openai.com/v1/chat/completions
      iflow-relay explain github.com
    """
    try:
        target = parse_target(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    config = read_config(sets)
    hosts, origin = config.hosts, "iflow_hosts"
    running = [] if any(text.startswith("iflow_hosts=") for text in sets) else find_running()
    if running:
        hosts = tuple(map(parse_host_pattern, running[0].hosts))
        origin = f"iflow_hosts of the relay that runs (process {running[0].pid})"
    session = Session(config, os.environ)
    try:
        base = str(session.current().base_url)
    except RelayError:
        base = None
    said = explain_target(target, method, hosts, origin=origin, base_url=base)
    if as_json:
        print_json(said._asdict())
    else:
        for line in said.lines:
            click.echo(line)
    sys.exit(0 if said.intercepted else TUNNELLED)
