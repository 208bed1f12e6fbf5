"""`iflow-relay ca`: the certificate authority, and who trusts it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..trust.machine import Machine, this_machine
from ..trust.places import NAMES, Change, list_stores, plan_install, plan_uninstall
from ..trust.store import Trust
from .ca_change import announce, ask, carry_out
from .ca_place import Place, find_place
from .ca_status import look, print_status, render_status
from .common import json_option, print_json

store_option = click.option(
    "--store", "names", multiple=True, type=click.Choice(NAMES), help="Only this; may be repeated."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(short_help="Show the certificate authority, and have it trusted.")
@click.option(
    "--confdir",
    type=click.Path(path_type=Path),
    help="mitmproxy's folder, if it is not ~/.mitmproxy.",
)
@click.pass_context
def ca(context: click.Context, confdir: Path | None) -> None:
    """Show the certificate authority, and have this machine trust it.

    What `iflow-relay run` starts trusts it without any of this.

    \b
    Examples:
      iflow-relay ca status
      iflow-relay ca install --store firefox
      curl --cacert "$(iflow-relay ca path)" …
    """
    context.obj = find_place(context.obj or this_machine(), confdir)


@ca.command()
@click.pass_obj
def path(place: Place) -> None:
    """Print the certificate's path; one is made if there is none."""
    click.echo(place.load().certificate)


@ca.command()
@click.pass_obj
def bundle(place: Place) -> None:
    """Print the path of a bundle: the system's, with this one.

    It is for variables that replace what a program trusts, like SSL_CERT_FILE.
    """
    import platformdirs

    from ..trust.bundle import system_bundle, write_merged

    certificate = place.load().certificate
    source = system_bundle(place.machine.environ, place.machine.root)
    if source is None and place.machine.platform != "win32":
        click.echo("What this system trusts was not found: the file lacks it.", err=True)
    try:
        click.echo(write_merged(platformdirs.user_data_path("iflow-relay"), source, certificate))
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@ca.command()
@json_option
@click.pass_obj
def status(place: Place, as_json: bool) -> None:
    """Show the authority, and which stores trust it.

    The exit status is 1 where there is no authority, or one that is no good.
    """
    authority, problem = place.read()
    looked = [look(store, authority) for store in list_stores(place.machine)]
    if as_json:
        print_json(render_status(authority, problem, looked))
    else:
        print_status(authority, looked)
        if problem:
            click.echo(problem, err=True)
    sys.exit(1 if problem else 0)


@ca.command()
@store_option
@yes_option
@click.pass_obj
def install(place: Place, names: tuple[str, ...], yes: bool) -> None:
    """Have this machine's stores trust the authority.

    Says what will be done, and asks first. What needs root is printed, not run. The exit status
    is 1 where something failed or is left to be done.

    \b
    Examples:
      iflow-relay ca install
      iflow-relay ca install --store chromium --store firefox --yes
    """
    authority = place.load()
    changes = plan_install(place.machine, place.stores(names), authority)
    todo = [change for change in changes if change.steps]
    if todo:
        click.echo(
            f"These will trust whatever is signed with the key in {authority.folder}, "
            "so keep that to yourself:\n"
        )
    if _change(place.machine, todo, "they trust the authority already", yes=yes):
        click.echo("Programs that run, browsers too, notice when they are started anew.")


@ca.command()
@store_option
@yes_option
@click.pass_obj
def uninstall(place: Place, names: tuple[str, ...], yes: bool) -> None:
    """Take out what `install` put in, and nothing else."""
    authority, _ = place.read()
    changes = plan_uninstall(place.machine, place.stores(names), authority)
    for change in changes:
        if not change.steps and change.found.note:
            click.echo(f"{change.store.name}: not looked into: {change.found.note}", err=True)
        if not change.found.ours and change.found.trust is Trust.YES:
            where = f"{change.store.name} ({change.store.place})"
            click.echo(f"{where} trusts it by somebody else's doing, which stays.", err=True)
    todo = [change for change in changes if change.steps]
    _change(place.machine, todo, "nothing of ours is in there", yes=yes)


def _change(machine: Machine, todo: list[Change], nothing: str, *, yes: bool) -> bool:
    """Announce, ask, do; ends the command with 1 where something is left undone."""
    if not todo:
        click.echo(f"Nothing to do: {nothing}.")
        return False
    announce(todo)
    possible = [change for change in todo if not change.obstacle]
    if possible:
        click.echo()
        ask(machine, yes=yes)
    if not carry_out(machine, possible) or possible != todo:
        sys.exit(1)
    return True
