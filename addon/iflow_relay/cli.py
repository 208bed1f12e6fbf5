"""The command line. mitmproxy is imported only by the commands that run it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from . import __version__
from .config import Config, parse_config
from .console import print_table, render_greeting, status_rows
from .errors import RelayError
from .listen import check_port, parse_listen
from .session import Session

set_option = click.option(
    "--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iflow-relay")
def main() -> None:
    """An OpenAI endpoint on this machine, in front of iFlow or any OpenAI-compatible upstream."""


@main.command()
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
    from .mitm.serving import serve as serve_lean

    set_up_logging(quiet, verbose)
    try:
        serve_lean(mode, sets, greet=greet, lines=not quiet)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@main.command()
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
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print_table(("what", "value", "from"), rows)
        if problem:
            click.echo(f"Not ready: {problem}", err=True)
    sys.exit(1 if problem else 0)


@main.command()
@set_option
@json_option
def models(sets: tuple[str, ...], as_json: bool) -> None:
    """List the models that the relay offers."""
    from .offer import list_models

    try:
        entries = list_models(read_config(sets), os.environ)
    except RelayError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    columns = ("id", "name", "context_length", "description")
    rows = [tuple(str(entry.get(column) or "") for column in columns) for entry in entries]
    print_table(("id", "name", "context", "description"), rows)


def read_config(sets: Sequence[str]) -> Config:
    """The options as a start with these would have them: config.yaml, then `--set`."""
    from .mitm.options import read_values

    try:
        return parse_config(read_values(sets))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def target(session: Session) -> str:
    """The upstream's origin for `--mode reverse:`, which needs one to open a listener."""
    if not session.is_logged_in:
        return "https://apis.iflow.cn"
    base = session.current().base_url
    return f"{base.scheme}://{base.authority}"


def start_demo() -> tuple[str, ...]:
    """Start the embedded upstream; returns the options that point the relay at it."""
    from . import demo
    from .demo.thread import start_in_thread

    return (
        f"iflow_base_url={start_in_thread()}",
        f"iflow_api_key={demo.KEY}",
        f"iflow_user_agent={demo.USER_AGENT}",
        "iflow_models=builtin",
    )


def run_mitmproxy(
    web: bool, mode: str, sets: Sequence[str], flags: Sequence[str], extra: Sequence[str]
) -> None:
    """Run mitmdump or mitmweb with the relay in it."""
    from mitmproxy.tools import main as tools

    settings = [word for text in sets for word in ("--set", text)]
    arguments = ["-s", str(script()), "--mode", mode, *settings, *flags, *extra]
    (tools.mitmweb if web else tools.mitmdump)(arguments)


def script() -> Path:
    """The file that mitmproxy loads: within the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    packed = package / "_script" / "iflow.py"
    return packed if packed.is_file() else package.parent / "iflow.py"


def set_up_logging(quiet: bool, verbose: int) -> None:
    """Warnings and errors on stderr, more with -v; what is not let by costs mitmproxy nothing."""
    level = logging.ERROR if quiet else logging.WARNING
    level = {0: level, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", stream=sys.stderr)
    for name in ("asyncio", "hpack", "quic"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
