"""What starting a relay takes, whichever command asks: checks, the greeting, the right program."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from ..listen import check_port, parse_listen
from ..session import Session
from .common import read_config, run_mitmproxy, set_option, set_up_logging, start_demo, target

web_option = click.option("--web", is_flag=True, help="Show every conversation in mitmweb.")
demo_option = click.option(
    "--demo", is_flag=True, help="Answer from the embedded upstream: no key, no network."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
verbose_option = click.option(
    "-v", "--verbose", count=True, help="Print connections too; -vv for everything."
)
mitmproxy_argument = click.argument("mitmproxy_args", nargs=-1, type=click.UNPROCESSED)


class Start(NamedTuple):
    """How a relay is to be started."""

    web: bool
    demo: bool
    quiet: bool
    verbose: int
    sets: tuple[str, ...]
    mitmproxy_args: tuple[str, ...]

    def adding(self, *sets: str) -> Start:
        """The same with further settings."""
        return self._replace(sets=(*self.sets, *sets))

    def prepare(self) -> Start:
        """The same with what `--demo` stands for; raises UsageError."""
        if self.mitmproxy_args and "--" not in sys.argv:
            raise click.UsageError(
                f"What is {self.mitmproxy_args[0]!r}? Arguments for mitmproxy follow --"
            )
        return self._replace(sets=(*start_demo(), *self.sets)) if self.demo else self


def start_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command has which starts a relay, given to it as one `start`."""

    @functools.wraps(command)
    def packed(
        *,
        web: bool,
        demo: bool,
        quiet: bool,
        verbose: int,
        sets: tuple[str, ...],
        mitmproxy_args: tuple[str, ...],
        **own: Any,
    ) -> None:
        command(start=Start(web, demo, quiet, verbose, sets, mitmproxy_args), **own)

    made: Callable[..., None] = packed
    options = (web_option, demo_option, quiet_option, verbose_option, set_option)
    for option in reversed((*options, mitmproxy_argument)):
        made = option(made)
    return made


Greet = Callable[[str, Session], str]
"""What to print once the relay listens at a base URL."""


def check_address(text: str) -> tuple[str, int]:
    """Read an address to listen on, and see that nobody does."""
    try:
        host, port = parse_listen(text)
        check_port(host, port)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    return host, port


def run_relay(
    start: Start, listen: tuple[str, int] | None, modes: Sequence[str], greet: Greet
) -> None:
    """Run a relay with an endpoint there, and with further modes of mitmproxy's, until it ends."""
    session = Session(read_config(start.sets), os.environ)
    session.refresh()
    host, port = listen or ("", 0)
    every = [f"reverse:{target(session)}@{host}:{port}", *modes] if listen else list(modes)

    def greeting(url: str) -> str:
        return "" if start.quiet else greet(url, session)

    if start.web or start.mitmproxy_args:
        click.echo(greeting(f"http://{host}:{port}/v1"), nl=not start.quiet)
        flags = ["-q"] * start.quiet + ["-v"] * (start.verbose > 0)
        run_mitmproxy(start.web, every, start.sets, flags, start.mitmproxy_args)
        return
    from ..mitm.serving import serve

    set_up_logging(start.quiet, start.verbose)
    try:
        serve(every, start.sets, greet=greeting, lines=not start.quiet)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
