"""`iflow-relay intercept`."""

from __future__ import annotations

import secrets

import click

from ..console import render_interception
from ..routing import parse_host_pattern
from .capture import check_capture, watch_capture
from .common import read_config
from .private_relay import answer_for, find_free_port
from .starting import Start, check_address, run_relay, start_options


@click.command(short_help="Be a proxy for apps that call api.openai.com.")
@click.option(
    "--listen",
    default="127.0.0.1:8000",
    show_default=True,
    metavar="[HOST:]PORT",
    help="Where the endpoint is.",
)
@click.option(
    "--proxy",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="[HOST:]PORT",
    help="Where the proxy is.",
)
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="One more virtual host; may be repeated."
)
@click.option(
    "--app",
    "apps",
    multiple=True,
    metavar="NAME",
    help="Capture this program's connections in the system; may be repeated.",
)
@click.option("--private", is_flag=True, hidden=True)
@start_options
def intercept(
    listen: str,
    proxy: str,
    hosts: tuple[str, ...],
    apps: tuple[str, ...],
    private: bool,
    start: Start,
) -> None:
    """Be a proxy that answers the calls to api.openai.com, until Ctrl-C.

    The calls go to your upstream; every other connection is tunnelled as it is. The endpoint of
    `serve` is there as well. What follows -- goes to mitmdump (or mitmweb) as it is.

    \b
    Examples:
      iflow-relay intercept
      iflow-relay intercept --host api.groq.com --web
      sudo iflow-relay intercept --app firefox
    """
    start = start.prepare()
    start = start.adding(*add_hosts(start.sets, hosts))
    if apps:
        check_capture()
        watch_capture(verbose=start.verbose > 1)
    captured = [f"local:{app}" for app in apps]
    if private:
        # One listener that nobody else can have taken: a proxy answers as an endpoint, too.
        modes = ["regular@127.0.0.1:0", *captured]
        run_relay(make_private(start), None, modes, lambda url, session: "")
        return
    endpoint, (host, port) = check_address(listen), check_address(proxy)
    if (host, port) == endpoint:
        raise click.UsageError("--listen and --proxy are one address: give each its own")
    virtual, address = read_config(start.sets).hosts, f"http://{host}:{port}"
    run_relay(
        start,
        endpoint,
        [f"regular@{host}:{port}", *captured],
        lambda url, session: render_interception(url, address, virtual, session, web=start.web),
    )


def make_private(start: Start) -> Start:
    """A start that says to its starter alone that it is ready, and ends with it."""
    shown = None
    if start.web:
        from ..mitm.web import hash_password

        port, token = find_free_port(), secrets.token_hex(16)
        shown = f"http://127.0.0.1:{port}/?token={token}"
        password = hash_password(token)
        start = start.adding(
            f"web_port={port}", f"web_password={password}", "web_open_browser=false"
        )
    answer_for(shown)
    return start._replace(quiet=True)


def add_hosts(sets: tuple[str, ...], hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The settings that add virtual hosts to those that there are."""
    if not hosts:
        return ()
    try:
        added = [str(parse_host_pattern(host)) for host in hosts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host") from error
    there = [str(pattern) for pattern in read_config(sets).hosts]
    new = [host for host in dict.fromkeys(added) if host not in there]
    given = any(text.startswith("iflow_hosts=") for text in sets)
    return tuple(f"iflow_hosts={host}" for host in (new if given else [*there, *new]))
