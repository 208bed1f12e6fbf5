"""How `iflow-relay ca install` and `uninstall` say what they will do, ask, and do it."""

from __future__ import annotations

import click

from ..trust.machine import Machine
from ..trust.places import Change
from ..trust.steps import StepError, describe, render_line, take


def announce(changes: list[Change]) -> None:
    """Every step of every change: those that will be taken, and those left to the reader."""
    for change in changes:
        click.echo(f"{change.store.name}: {change.store.place}")
        if change.by_hand:
            click.echo(f"  {change.obstacle}; nothing is run here, these are the lines:")
            _echo([f"sudo {render_line(step)}" for step in change.steps])
        elif change.obstacle:
            click.echo(f"  cannot be changed: {change.obstacle}")
        else:
            _echo([describe(step) for step in change.steps])


def ask(machine: Machine, *, yes: bool) -> None:
    """Return if the reader agrees; ends the command otherwise."""
    if yes:
        return
    if not machine.has_terminal:
        raise click.ClickException(
            "Nothing was done, because there is no terminal to ask in: add --yes to agree"
        )
    click.confirm("Go on?", abort=True)


def carry_out(machine: Machine, changes: list[Change]) -> bool:
    """Take the steps and tell how each went; returns whether all went well."""
    went_well = [_carry_out(machine, change) for change in changes]
    return all(went_well)


def _carry_out(machine: Machine, change: Change) -> bool:
    for step in change.steps:
        try:
            take(step, machine)
        except StepError as error:
            click.echo(f"{change.store.name}: failed: {describe(step)}", err=True)
            click.echo(f"  {error}", err=True)
            click.echo("  It may go better by hand, in a terminal where it can ask.", err=True)
            return False
        click.echo(f"{change.store.name}: done: {describe(step)}")
    return True


def _echo(lines: list[str]) -> None:
    for line in lines:
        click.echo(f"  {line}")
