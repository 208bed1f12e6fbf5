"""`iflow-relay env`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import platformdirs

from ..presence import find_running
from ..remembered import SET, changes, remembering, restored
from ..shells import SHELLS, guess_shell, render_changes
from .pointing import point_at, warn


@click.command(short_help="Print what sends a shell's programs here.")
@click.option("--shell", type=click.Choice(list(SHELLS)), help="Whose words; else guessed.")
@click.option("--unset", is_flag=True, help="Take it back.")
def env(shell: str | None, unset: bool) -> None:
    """Print what sends this shell's programs through the relay that runs.

    --unset puts back what was there before.

    \b
    Examples:
      eval "$(iflow-relay env)"
      eval "$(iflow-relay env --unset)"
      iflow-relay env --shell fish | source
      iflow-relay env --shell powershell | Out-String | Invoke-Expression
      for /f "delims=" %i in ('iflow-relay env --shell cmd') do @%i
    """
    environ = dict(os.environ)
    try:
        shell = shell or guess_shell(environ, windows=os.name == "nt")
        wanted = {} if unset else _variables(environ)
        text = render_changes(shell, changes(environ, wanted))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if unset and SET not in environ:
        warn("this shell has nothing of the relay's to take back")
    # As bytes, because a value need not be text in the terminal's own encoding.
    click.echo(os.fsencode(text) if os.name == "posix" else text, nl=False)


def _variables(environ: dict[str, str]) -> dict[str, str]:
    """The variables for the newest relay that has a proxy, and what they hide."""
    relay = next((relay for relay in find_running() if relay.proxy), None)
    if relay is None or relay.proxy is None:
        raise click.ClickException(
            "No relay with a proxy is running: start `iflow-relay intercept`"
        )
    before = restored(environ)
    folder: Path = platformdirs.user_cache_path("iflow-relay") / "bundles"
    variables = point_at(
        before, proxy=relay.proxy, hosts=relay.hosts, confdir=relay.confdir, folder=folder
    )
    return remembering(before, variables)
