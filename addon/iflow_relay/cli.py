"""The command line. mitmproxy is imported only by the commands that run it."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from . import __version__
from .catalog import BUILTIN, Model, render_model
from .config import Config, parse_config
from .credential import is_loopback
from .errors import RelayError
from .session import Session

DEFAULT_LISTEN = "127.0.0.1:8000"

set_option = click.option(
    "--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iflow-relay")
def main() -> None:
    """An OpenAI endpoint on this machine, in front of iFlow or any OpenAI-compatible upstream."""


@main.command(context_settings={"ignore_unknown_options": False})
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, metavar="[HOST:]PORT")
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
    host, port = parse_listen(listen)
    check_port(host, port)
    options = start_demo() if demo else {}
    full = web or bool(mitmproxy_args)
    sets = (*(f"{name}={value}" for name, value in options.items()), *sets)
    mode = f"reverse:{target(sets)}@{host}:{port}"
    if full:
        serve_full(mode, sets, web=web, quiet=quiet, verbose=verbose, extra=mitmproxy_args)
    else:
        serve_lean(mode, sets, demo=demo, quiet=quiet, verbose=verbose)


def serve_lean(mode: str, sets: Sequence[str], *, demo: bool, quiet: bool, verbose: int) -> None:
    """Run the relay on a Master with only the addons that it needs."""
    from .mitm.addons import make_addons
    from .mitm.master import run
    from .mitm.relay import Relay
    from .mitm.report import RelayReport

    set_up_logging(quiet, verbose)
    relay = Relay()
    report = RelayReport(
        relay, greet=lambda url: "" if quiet else greeting(url, demo=demo), lines=not quiet
    )
    try:
        run({"mode": [mode]}, sets, [*make_addons(relay), report])
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def serve_full(
    mode: str,
    sets: Sequence[str],
    *,
    web: bool,
    quiet: bool,
    verbose: int,
    extra: Sequence[str],
) -> None:
    """Run mitmdump or mitmweb with the relay in it."""
    from mitmproxy.tools import main as tools

    arguments = ["-s", str(script()), "--mode", mode]
    for text in sets:
        arguments += ["--set", text]
    arguments += ["-q"] if quiet else []
    arguments += ["-v"] if verbose else []
    (tools.mitmweb if web else tools.mitmdump)([*arguments, *extra])


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
    rows = status_rows(session)
    problem = session.problem.message if session.problem else None
    if as_json:
        values = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        click.echo(json.dumps({"ok": problem is None, "problem": problem, **values}, indent=2))
    else:
        print_table(("what", "value", "from"), rows)
        if problem:
            click.echo(f"\nNot ready: {problem}", err=True)
    sys.exit(1 if problem else 0)


def status_rows(session: Session) -> list[tuple[str, str, str]]:
    """What is known of the upstream: name, value, origin; a key only as its mask."""
    if not session.is_logged_in:
        return []
    upstream = session.current()
    values = {
        "base_url": str(upstream.base_url),
        "api_key": upstream.key.masked if upstream.key else "none needed",
        "model": upstream.model,
    }
    origins = upstream.origins
    return [(name, value, origins.get(name, "-")) for name, value in values.items() if value]


@main.command()
@set_option
@json_option
def models(sets: tuple[str, ...], as_json: bool) -> None:
    """List the models that the relay offers."""
    try:
        entries = list_models(read_config(sets))
    except RelayError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    columns = ("id", "name", "context_length", "description")
    print_table(
        ("id", "name", "context", "description"),
        [tuple(str(entry.get(column) or "") for column in columns) for entry in entries],
    )


def list_models(config: Config) -> list[dict[str, Any]]:
    """The catalog's entries, from the table or from the upstream; raises RelayError."""
    from .fetch import fetch_models
    from .library import Library
    from .refusal import read_failure, read_list

    library = Library()
    library.use(config.models)
    builtin = [render_model(model) for model in BUILTIN]
    if config.models == "builtin":
        return library.overlay().apply(builtin)
    upstream = Session(config, os.environ).current()
    if config.models == "auto" and upstream.base_url.is_iflow:
        return library.overlay().apply(builtin)
    code, body = fetch_models(upstream.base_url, upstream.key, config.user_agent)
    if code >= 300:
        known = [render_model(Model(upstream.model, owned_by="upstream"))] if upstream.model else []
        entries = library.overlay().apply(known)
        if code not in (404, 405, 501) or not entries:
            raise read_failure(code, body)
        return entries
    return library.overlay().apply(read_list(body))


def read_config(sets: Sequence[str]) -> Config:
    """The options as a start with these would have them: config.yaml, then `--set`."""
    from .mitm.options import read_values

    try:
        return parse_config(read_values(sets))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def target(sets: Sequence[str]) -> str:
    """The upstream's origin for `--mode reverse:`, which needs one to open a listener."""
    session = Session(read_config(sets), os.environ)
    session.refresh()
    if not session.is_logged_in:
        return "https://apis.iflow.cn"
    base = session.current().base_url
    return f"{base.scheme}://{base.authority}"


def start_demo() -> dict[str, str]:
    """Start the embedded upstream; returns the options that point the relay at it."""
    from . import demo
    from .demo.thread import start_in_thread

    return {
        "iflow_base_url": start_in_thread(),
        "iflow_api_key": demo.KEY,
        "iflow_user_agent": demo.USER_AGENT,
        "iflow_models": "builtin",
    }


def greeting(url: str, *, demo: bool) -> str:
    """What to paste where, once the relay listens."""
    model = BUILTIN[0].id
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    lines = [
        f"iflow-relay {__version__}" + (", answering from the embedded upstream" if demo else ""),
        "",
        f"  Base URL   {url}",
        "  API key    anything (the relay puts its own in)",
        f"  Try it     curl {url}/chat/completions -H 'Content-Type: application/json' -d '{body}'",
        "  mitmweb    iflow-relay serve --web" + (" --demo" if demo else ""),
        "",
        "Ctrl-C ends it. One line for each call follows.",
    ]
    return "\n".join(lines)


def parse_listen(text: str) -> tuple[str, int]:
    """Read `8000`, `127.0.0.1:8000` or `[::1]:8000`."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(
            f"{text!r} is no address: write PORT or HOST:PORT", param_hint="--listen"
        )
    return host, int(port)


def check_port(host: str, port: int) -> None:
    """Say it plainly where the port is taken, before anything is set up."""
    if not port or not is_loopback(host):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Nothing can listen on {host}:{port} ({error.strerror}). Is a relay running "
                f"already? Else choose another port: --listen {port + 1}"
            ) from error


def script() -> Path:
    """The file that mitmproxy loads: beside the package in a checkout, within it in a wheel."""
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


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal, with nothing around it."""
    if not rows:
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=False).print(table)
