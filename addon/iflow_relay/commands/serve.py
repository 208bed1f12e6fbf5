"""`iflow-relay serve`."""

from __future__ import annotations

import click

from ..console import render_greeting
from .starting import Start, check_address, run_relay, start_options


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8000", show_default=True, metavar="[HOST:]PORT", help="Where."
)
@start_options
def serve(listen: str, start: Start) -> None:
    """Serve http://127.0.0.1:8000/v1 until Ctrl-C.

    What follows -- goes to mitmdump (or mitmweb) as it is.

    \b
    Examples:
      iflow-relay serve --demo
      iflow-relay serve --listen 8080 --set iflow_base_url=http://127.0.0.1:11434/v1
      iflow-relay serve --web -- --set web_port=9000
    """
    address = check_address(listen)
    run_relay(
        start.prepare(),
        address,
        (),
        lambda url, session: render_greeting(url, session, demo=start.demo, web=start.web),
    )
