"""`iflow-relay status`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..console import Row, print_table, status_rows
from ..presence import Presence, ask_health, find_running
from ..session import Session
from .common import json_option, print_json, read_config, set_option


def running_row(relay: Presence, health: dict[str, Any]) -> Row:
    """A relay that runs: where, and how many connections it has seen."""
    counts = health.get("connections", {})
    seen = ", ".join(f"{number} {name}" for name, number in counts.items()) if relay.proxy else ""
    places = [place for place in (relay.endpoint, relay.proxy and f"proxy {relay.proxy}") if place]
    return "running", ", ".join([*places, *([seen] if seen else [])]), f"process {relay.pid}"


@click.command(short_help="Show where requests would go, and what runs.")
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
    running = [(relay, ask_health(relay) or {}) for relay in find_running()]
    problem = session.problem.message if session.problem else None
    if as_json:
        values = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        relays = [relay._asdict() | {"health": health} for relay, health in running]
        document = {"ok": not problem, "problem": problem, **values, "running": relays}
        print_json(document)
    else:
        rows.extend(running_row(relay, health) for relay, health in running)
        print_table(("what", "value", "from"), rows)
        if problem:
            click.echo(f"Not ready: {problem}", err=True)
    sys.exit(1 if problem else 0)
