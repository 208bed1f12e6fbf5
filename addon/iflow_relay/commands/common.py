"""What several commands need: options, values, and the programs of mitmproxy's own."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import Config, parse_config

if TYPE_CHECKING:
    from ..session import Session  # most commands can do without it

set_option = click.option(
    "--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set an option; may be repeated."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(document: Any) -> None:
    """What `--json` prints."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def read_config(sets: Sequence[str]) -> Config:
    """The options as a start with these would have them: config.yaml, then `--set`."""
    from ..mitm.options import read_values

    try:
        return parse_config(read_values(sets))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def target(session: Session) -> str:
    """The upstream's origin for `--mode reverse:`, which needs one to open a listener."""
    if not session.is_logged_in:
        return "https://apis.iflow.cn"
    base = session.current().base_url
    return f"{base.scheme}://{base.authority}"


def start_demo() -> tuple[str, ...]:
    """Start the embedded upstream; returns the options that point the relay at it."""
    from .. import demo
    from ..demo.thread import start_in_thread

    return (
        f"iflow_base_url={start_in_thread()}",
        f"iflow_api_key={demo.KEY}",
        f"iflow_user_agent={demo.USER_AGENT}",
        "iflow_models=builtin",
    )


def run_mitmproxy(
    web: bool, modes: Sequence[str], sets: Sequence[str], flags: Sequence[str], extra: Sequence[str]
) -> None:
    """Run mitmdump or mitmweb with the relay in it."""
    from mitmproxy.tools import main as tools

    settings = [word for text in sets for word in ("--set", text)]
    listening = [word for mode in modes for word in ("--mode", mode)]
    arguments = ["-s", str(script()), *listening, *settings, *flags, *extra]
    (tools.mitmweb if web else tools.mitmdump)(arguments)


def script() -> Path:
    """The file that mitmproxy loads: within the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "_script" / "iflow.py"
    return packed if packed.is_file() else package.parent / "iflow.py"


def set_up_logging(quiet: bool, verbose: int) -> None:
    """Warnings and errors on stderr, more with -v; what is not let by costs mitmproxy nothing."""
    level = logging.ERROR if quiet else logging.WARNING
    level = {0: level, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", stream=sys.stderr)
    for name in ("asyncio", "hpack", "quic"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
