"""The command line: which commands there are. What a command needs is imported when it runs."""

from __future__ import annotations

from importlib import import_module

import click

from . import __version__

COMMANDS = (
    "serve",
    "intercept",
    "run",
    "record",
    "replay",
    "env",
    "explain",
    "login",
    "logout",
    "status",
    "models",
    "usage",
    "system-proxy",
    "ca",
    "doctor",
)
"""In the order of the help; `commands/NAME.py` holds each, `-` written as `_`."""


class Commands(click.Group):
    """A group that imports a command only where it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f".commands.{name}", __package__), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iflow-relay")
def main() -> None:
    """An OpenAI endpoint on this machine, in front of iFlow or any OpenAI-compatible upstream."""
