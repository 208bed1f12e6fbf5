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
    web: bool,
    demo: bool,
    quiet: bool,
    verbose: int,
    sets: tuple[str, ...],
    mitmproxy_args: tuple[str, ...],
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
    start = Start(web, demo, quiet or private, verbose, sets, mitmproxy_args).prepare()
    start = start._replace(sets=(*start.sets, *add_hosts(start.sets, hosts)))
    if apps:
        check_capture()
        watch_capture(verbose=verbose > 1)
    if private:
        # One listener that nobody else can have taken: a proxy answers as an endpoint, too.
        proxy = "127.0.0.1:0"
        shown = None
        if web:
            from ..mitm.web import hash_password

            port, token = find_free_port(), secrets.token_hex(16)
            shown = f"http://127.0.0.1:{port}/?token={token}"
            password = hash_password(token)
            settings = (f"web_port={port}", f"web_password={password}", "web_open_browser=false")
            start = start._replace(sets=(*start.sets, *settings))
        answer_for(shown)
    endpoint = None if private else check_address(listen)
    host, port = check_address(proxy)
    if (host, port) == endpoint:
        raise click.UsageError("--listen and --proxy are one address: give each its own")
    modes = [f"regular@{host}:{port}", *(f"local:{app}" for app in apps)]
    run_relay(
        start,
        endpoint,
        modes,
        lambda url, session: (
            render_interception(
                url, f"http://{host}:{port}", read_config(start.sets).hosts, session, web=web
            )
            if not private
            else ""
        ),
    )


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
