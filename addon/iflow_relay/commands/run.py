"""`iflow-relay run`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click

from ..child import NotStarted, Signals, find_program
from ..guard import is_virtual
from ..presence import Presence, find_running
from ..private import RELAY, PrivateRelay, Ready, RelayFailed
from ..remembered import restored
from ..routing import HostPattern, parse_host_pattern
from ..trust.authority import AuthorityError
from .common import set_option
from .pointing import point_at, warn

FAILED = 125
"""The exit code where it is the relay that failed, as with `env` and `timeout`."""


@click.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run one program with its calls to OpenAI answered.",
)
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="One more virtual host; may be repeated."
)
@click.option("--show", is_flag=True, help="Show every conversation in mitmweb.")
@click.option("--model", metavar="NAME", help="Default model, for names that the upstream lacks.")
@set_option
@click.option("--demo", is_flag=True, help="Answer from the embedded upstream: no key, no network.")
@click.option("--new", is_flag=True, help="Start a relay even where one runs.")
@click.option("-v", "--verbose", is_flag=True, help="Say which relay is used.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARGS]...")
def run(
    hosts: tuple[str, ...],
    show: bool,
    model: str | None,
    sets: tuple[str, ...],
    demo: bool,
    new: bool,
    verbose: bool,
    command: tuple[str, ...],
) -> None:
    """Run one program with its calls to OpenAI answered by your upstream.

    The relay is the one that runs, where that will do, else one that ends with the program. Nothing
    is changed outside it. The exit code is the program's; 125 if there is no relay.

    \b
    Examples:
      iflow-relay run -- python my_script.py
      iflow-relay run --show --demo -- curl https://api.openai.com/v1/models
      iflow-relay run --host api.groq.com --model glm-4.7 -- ./some-app
    """
    if not command:
        raise click.UsageError("What is to be run? For example: iflow-relay run -- python app.py")
    try:
        patterns = [parse_host_pattern(host) for host in hosts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host") from error
    before = restored(os.environ)
    own = show or model or sets or demo or new
    running = None if own else find_suitable(patterns)
    named = {"IFLOW_modelName": model} if model else {}
    relay = (
        use_running(running)
        if running
        else start_private(make_arguments(show, demo, patterns, sets), before | named)
    )
    sys.exit(run_with(relay, command, before, expected_hosts(patterns, sets), verbose=verbose))


def run_with(
    relay: AbstractContextManager[Ready],
    command: Sequence[str],
    before: Mapping[str, str],
    hosts: Sequence[str],
    *,
    verbose: bool,
) -> int:
    """Run a command beside a relay; `hosts` are its virtual hosts where it does not say them."""
    with Signals() as signals:
        try:
            find_program(command[0], before)
            with relay as ready, tempfile.TemporaryDirectory(prefix="iflow-relay-") as folder:
                if verbose:
                    warn(f"using the relay at {ready.endpoint}, proxy {ready.proxy}")
                if ready.web:
                    show_in_browser(ready.web, before)
                variables = point_at(
                    before,
                    proxy=ready.proxy,
                    hosts=ready.hosts or hosts,
                    confdir=ready.confdir,
                    folder=Path(folder),
                )
                return signals.run(command, {**before, **variables})
        except NotStarted as error:
            warn(str(error))
            return error.code
        except (RelayFailed, AuthorityError, OSError) as error:
            warn(str(error))
            return FAILED


def make_arguments(
    show: bool, demo: bool, hosts: Sequence[HostPattern], sets: Sequence[str]
) -> list[str]:
    """What the private relay is told."""
    return [
        *(["--web"] if show else []),
        *(["--demo"] if demo else []),
        *(word for host in hosts for word in ("--host", str(host))),
        *(word for text in sets for word in ("--set", text)),
    ]


@contextmanager
def start_private(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[Ready]:
    """A relay that ends with the block."""
    relay = PrivateRelay([*RELAY, *arguments], environ)
    try:
        yield relay.wait_until_ready(warn)
    finally:
        relay.end()


@contextmanager
def use_running(relay: Presence) -> Iterator[Ready]:
    """A relay that was there before and stays."""
    yield Ready(
        relay.endpoint or "no endpoint", relay.proxy or "", relay.confdir, None, relay.hosts
    )


def find_suitable(hosts: Sequence[HostPattern]) -> Presence | None:
    """The newest relay that runs, has a proxy, takes the calls to these hosts, and any key."""
    fit = (relay for relay in find_running() if relay.proxy and not relay.keyed)
    return next((relay for relay in fit if has_hosts(relay.hosts, hosts)), None)


def has_hosts(there: Sequence[str], asked: Sequence[HostPattern]) -> bool:
    """Whether each host that is asked for is among those that are there."""
    patterns = [parse_host_pattern(text) for text in there]
    return all(
        host in patterns or (not host.wildcard and is_virtual(host.name, patterns))
        for host in asked
    )


def expected_hosts(hosts: Sequence[HostPattern], sets: Sequence[str]) -> list[str]:
    """The virtual hosts, as far as the command line tells; perhaps more than there are."""
    from ..options import OPTIONS

    default = next(option.default for option in OPTIONS if option.name == "iflow_hosts")
    given = [text.partition("=")[2] for text in sets if text.startswith("iflow_hosts=")]
    return [*default, *map(str, hosts), *given]


def show_in_browser(address: str, environ: Mapping[str, str]) -> None:
    """Say the address, and open it where there is a screen."""
    warn(f"the conversations are shown at {address}")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform not in ("win32", "darwin") and not any(map(environ.get, screens)):
        return  # a browser for the terminal would take it from the program
    command = [sys.executable, "-P", "-m", "webbrowser", address]
    nothing = subprocess.DEVNULL
    threading.Thread(
        target=lambda: subprocess.call(  # noqa: S603 - the address is the relay's own
            command, env=dict(environ), stdin=nothing, stdout=nothing, stderr=nothing
        ),
        daemon=True,
    ).start()
