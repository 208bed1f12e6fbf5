"""What a person reads in the terminal: the greeting, the state of things, tables."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime

from . import __version__
from .catalog import BUILTIN
from .config import Config, parse_config
from .credential import Secret
from .files import short_path
from .options import OPTIONS
from .routing import HostPattern
from .session import Session
from .settings import Sourced

Row = tuple[str, str, str]


def render_greeting(url: str, session: Session, *, demo: bool, web: bool) -> str:
    """What to paste where, once the relay listens at `url`."""
    base = session.found.get("base_url", Sourced("", "")).value
    first = BUILTIN[0].id if demo or "iflow" in base else "MODEL"
    model = session.found.get("model", Sourced(first, "")).value
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    behind = "answering from the embedded upstream" if demo else describe_upstream(session)
    elsewhere = "iflow-relay serve --web" + (" --demo" if demo else "")
    return "\n".join(
        (
            f"iflow-relay {__version__}, {behind}",
            "",
            f"  Base URL   {url}",
            "  API key    anything (the relay puts its own in)",
            f"  Try it     curl {url}/chat/completions \\",
            f"               -H 'Content-Type: application/json' -d '{body}'",
            f"  Page       {page_of(url)} (state, log in, set-up for clients)",
            f"  mitmweb    {'its address follows' if web else elsewhere}",
            "",
            "Ctrl-C ends it." + ("" if web else " One line for each call follows."),
        )
    )


def describe_upstream(session: Session) -> str:
    """What stands behind a relay with these options."""
    if session.config.replay:
        return f"answering from the recording {short_path(session.config.replay)}"
    return f"in front of {session.found.get('base_url', Sourced('nothing', '')).value}"


def page_of(url: str) -> str:
    """The relay's own page, beside the endpoint at `url`."""
    return f"{url.removesuffix('/v1')}/"


def render_interception(
    url: str, proxy: str, hosts: Sequence[HostPattern], session: Session, *, web: bool
) -> str:
    """What to do with a proxy that listens, beside the endpoint at `url`."""
    return "\n".join(
        (
            f"iflow-relay {__version__}, {describe_upstream(session)}",
            "",
            f"  Proxy      {proxy}, for {', '.join(map(str, hosts))}; all else is tunnelled",
            '  One shell  eval "$(iflow-relay env)"',
            "  One call   iflow-relay run -- PROGRAM",
            f"  Browsers   {page_of(url)}proxy.pac",
            "  Trust      iflow-relay ca install, for programs started otherwise",
            f"  Base URL   {url}, for clients that take one",
            f"  Page       {page_of(url)} (state, log in, set-up for clients)",
            f"  mitmweb    {'its address follows' if web else 'iflow-relay intercept --web'}",
            "",
            "Ctrl-C ends it." + ("" if web else " One line for each call follows."),
        )
    )


def status_rows(session: Session, config: Config) -> list[Row]:
    """What is known, used or not: name, value, origin; a key only as its mask."""
    rows = [
        (name, Secret(value).masked if name == "api_key" else value, origin)
        for name, (value, origin) in session.found.items()
    ]
    rows.extend(expiry_rows(session))
    defaults = parse_config({option.name: option.default for option in OPTIONS})
    for name in ("user_agent", "models", "hosts"):
        value = getattr(config, name)
        origin = "default" if value == getattr(defaults, name) else f"option iflow_{name}"
        shown = value if isinstance(value, str) else ", ".join(map(str, value))
        rows.append((name, shown, origin))
    return rows


def expiry_rows(session: Session) -> list[Row]:
    """Until when the key is good, where that is known."""
    tokens = session.current().tokens if session.is_logged_in else None
    if tokens is None or tokens.expires is None:
        return []
    when = datetime.fromtimestamp(tokens.expires).astimezone()
    left = tokens.expires - time.time()
    return [("expires", f"{when:%Y-%m-%d %H:%M} ({render_left(left)})", tokens.place)]


def render_left(seconds: float) -> str:
    """How long it is until then, in the largest unit that is at least one."""
    units = (("day", 86400), ("hour", 3600), ("minute", 60))
    size = abs(seconds)
    name, length = next((unit for unit in units if size >= unit[1]), units[-1])
    number = int(size // length)
    text = f"{number} {name}{'' if number == 1 else 's'}"
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal, with nothing around it."""
    from rich import box  # here, because it costs a start that prints none
    from rich.console import Console
    from rich.table import Column, Table

    # Folded, not cut: an address with its end missing is of no use.
    columns = [Column(name, overflow="fold") for name in head]
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=False).print(table)
