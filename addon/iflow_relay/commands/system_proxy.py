"""`iflow-relay system-proxy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import click

from .common import json_option, print_json

if TYPE_CHECKING:
    from ..presence import Presence
    from ..system_proxy.snapshot import Loaded
    from ..system_proxy.state import Setting
    from ..system_proxy.switch import Report

ANYWHERE = "http://127.0.0.1:8000/proxy.pac"
"""What a relay's PAC address looks like while none runs."""

BY_HAND = """\
No desktop is here whose proxy settings can be changed. Set this address by hand:

  {url}

  Firefox   Settings → Network Settings → Automatic proxy configuration URL
  Chromium  start it with --proxy-pac-url={url}
  Windows   Settings → Network → Proxy → Use setup script"""

OFF_BY_HAND = "turn it off in the system's own settings."
UNKNOWN = f"and what it was before is not known: {OFF_BY_HAND}"


class Target(NamedTuple):
    """The PAC address to set, and the relay that serves it."""

    url: str
    pid: int | None


@click.group("system-proxy", short_help="Set the PAC address in the desktop, or put it back.")
def system_proxy() -> None:
    """Send the system's calls to the virtual hosts through the relay.

    The desktop is told the relay's PAC address: programs that follow it send calls to the virtual
    hosts here and everything else where it went before. What was set is put back by `off`, by the
    relay's end, or by the next start after a crash.
    """


@system_proxy.command()
@click.option("--pac", metavar="URL", help="The PAC address; by default the running relay's.")
@click.option("--yes", is_flag=True, help="Accept a PAC address on another machine.")
def on(pac: str | None, yes: bool) -> None:
    """Set the PAC address in every desktop's settings.

    \b
    Examples:
      iflow-relay system-proxy on
      iflow-relay system-proxy on --pac http://127.0.0.1:9000/proxy.pac
    """
    from ..system_proxy.desktop import SystemProxyError
    from ..system_proxy.state import is_served
    from ..system_proxy.switch import turn_on

    try:
        target = _find_target(pac, anywhere=yes)
        report = turn_on(*target)
    except (ValueError, SystemProxyError) as error:
        raise click.ClickException(str(error)) from error
    _print_report(report)
    if not any(outcome.done for outcome in report.outcomes):
        click.echo(BY_HAND.format(url=target.url))
        sys.exit(1)
    if is_served(target.url) is False:
        click.echo(f"Nothing serves {target.url} yet: until then all goes direct.", err=True)
    sys.exit(0 if report.is_good else 1)


@system_proxy.command()
def off() -> None:
    """Put back exactly what was set before `on`."""
    from ..system_proxy.desktop import SystemProxyError
    from ..system_proxy.snapshot import Loaded
    from ..system_proxy.state import read_settings
    from ..system_proxy.switch import turn_off

    try:
        report = turn_off()
        found = [] if report.outcomes else read_settings(Loaded(None))
    except SystemProxyError as error:
        raise click.ClickException(str(error)) from error
    _print_report(report)
    left = [setting for setting in found if setting.answers is not None]
    for setting in left:
        click.echo(f"{setting.desktop} is set to {setting.pac}, {UNKNOWN}", err=True)
    if not report.outcomes and not left:
        click.echo("There is nothing to put back.")
    sys.exit(0 if report.is_good and not any(setting.is_stale for setting in left) else 1)


@system_proxy.command()
@json_option
def status(as_json: bool) -> None:
    """Show what is set, whether it is ours, and whether the relay behind it answers.

    The exit status is 1 where a setting points to a relay that does not answer.
    """
    from ..system_proxy.desktop import SystemProxyError
    from ..system_proxy.snapshot import load
    from ..system_proxy.state import read_settings

    try:
        loaded = load()
        settings = read_settings(loaded)
    except SystemProxyError as error:
        raise click.ClickException(str(error)) from error
    is_good = bool(settings) and not loaded.problem and not any(s.is_stale for s in settings)
    if as_json:
        print_json({"ok": is_good, **_document(loaded), "desktops": list(map(_row, settings))})
    else:
        _print_settings(settings, loaded.problem)
    sys.exit(0 if is_good else 1)


def _find_target(pac: str | None, *, anywhere: bool) -> Target:
    """Raises ValueError for an address that is refused, ClickException where there is no relay."""
    from ..presence import find_running
    from ..system_proxy.address import PAC_PATH, parse_pac_url

    running = [relay for relay in find_running() if relay.endpoint]
    if pac is not None:
        url = parse_pac_url(pac, anywhere=anywhere)
        return Target(url, next((r.pid for r in running if _is_served_by(r, url)), None))
    if not running:
        raise click.ClickException(
            "No relay is running: start `iflow-relay intercept` first, or give --pac URL"
        )
    relay = next((relay for relay in running if relay.proxy), None)
    if relay is None:
        raise click.ClickException(
            "The relay that runs has no proxy: start `iflow-relay intercept`, or give --pac URL"
        )
    return Target(parse_pac_url(f"{relay.endpoint}{PAC_PATH}", anywhere=anywhere), relay.pid)


def _is_served_by(relay: Presence, url: str) -> bool:
    """Whether an address is this relay's, however it names this machine."""
    from ..credential import is_loopback

    ours, theirs = urlsplit(relay.endpoint or ""), urlsplit(url)
    return is_loopback(theirs.hostname or "") and ours.port == theirs.port


def _print_report(report: Report) -> None:
    if report.problem:
        click.echo(report.problem, err=True)
    for desktop, done, text in report.outcomes:
        click.echo(f"{desktop}: {text}", err=not done)


def _document(loaded: Loaded) -> dict[str, object]:
    """Since when it is on, and for which relay's process."""
    snapshot = loaded.snapshot
    owner = snapshot.owner if snapshot else None
    return {
        "problem": loaded.problem,
        "since": snapshot.when if snapshot else None,
        "relay": owner.pid if owner else None,
    }


def _row(setting: Setting) -> dict[str, object]:
    return {
        "desktop": setting.desktop,
        "setting": setting.text,
        "pac": setting.pac,
        "ours": setting.is_ours,
        "answers": setting.answers,
    }


def _print_settings(settings: list[Setting], problem: str | None) -> None:
    from ..console import print_table

    words = {None: "", True: "answers", False: "does not answer"}
    rows = [(s.desktop, s.text, "yes" if s.is_ours else "no", words[s.answers]) for s in settings]
    if rows:
        print_table(("desktop", "setting", "ours", "relay"), rows)
    else:
        click.echo(BY_HAND.format(url=_any_url()))
    if problem:
        click.echo(problem, err=True)
    for setting in settings:
        if setting.is_stale:
            todo = "run `iflow-relay system-proxy off`." if setting.is_ours else OFF_BY_HAND
            click.echo(
                f"{setting.desktop} points to a relay that does not answer: {todo}", err=True
            )


def _any_url() -> str:
    try:
        return _find_target(None, anywhere=True).url
    except click.ClickException:
        return ANYWHERE
