"""`iflow-relay serve`."""

from __future__ import annotations

import os
import sys

import click

from ..console import render_greeting
from ..listen import check_port, parse_listen
from ..session import Session
from .common import read_config, run_mitmproxy, set_option, set_up_logging, start_demo, target


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8000", show_default=True, metavar="[HOST:]PORT", help="Where."
)
@click.option("--web", is_flag=True, help="Show every conversation in mitmweb.")
@click.option("--demo", is_flag=True, help="Answer from the embedded upstream: no key, no network.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", count=True, help="Print connections too; -vv for everything.")
@set_option
@click.argument("mitmproxy_args", nargs=-1, type=click.UNPROCESSED)
def serve(
    listen: str,
    web: bool,
    demo: bool,
    quiet: bool,
    verbose: int,
    sets: tuple[str, ...],
    mitmproxy_args: tuple[str, ...],
) -> None:
    """Serve http://127.0.0.1:8000/v1 until Ctrl-C.

    What follows -- goes to mitmdump (or mitmweb) as it is.

    \b
    Examples:
      iflow-relay serve --demo
      iflow-relay serve --listen 8080 --set iflow_base_url=http://127.0.0.1:11434/v1
      iflow-relay serve --web -- --set web_port=9000
    """
    if mitmproxy_args and "--" not in sys.argv:
        raise click.UsageError(f"What is {mitmproxy_args[0]!r}? Arguments for mitmproxy follow --")
    try:
        host, port = parse_listen(listen)
        check_port(host, port)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    sets = (*start_demo(), *sets) if demo else sets
    session = Session(read_config(sets), os.environ)
    session.refresh()
    mode = f"reverse:{target(session)}@{host}:{port}"

    def greet(url: str) -> str:
        return "" if quiet else render_greeting(url, session, demo=demo, web=web)

    if web or mitmproxy_args:
        click.echo(greet(f"http://{host}:{port}/v1"), nl=not quiet)
        run_mitmproxy(web, mode, sets, ["-q"] * quiet + ["-v"] * (verbose > 0), mitmproxy_args)
        return
    from ..mitm.serving import serve as serve_lean

    set_up_logging(quiet, verbose)
    try:
        serve_lean(mode, sets, greet=greet, lines=not quiet)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
