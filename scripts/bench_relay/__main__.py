"""`scripts/bench`: the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from .client import LoadError
from .runner import FULL, QUICK, measure
from .soak import BAR_MB, Amount, Growth, soak
from .systems import PROXIES, USUAL, WATCHING
from .tables import render, render_json, render_table
from .tunnel import Amount as Downloads
from .tunnel import measure_tunnels, render_rates, render_rates_json

DESCRIPTION = """\
Measures the relay beside bare mitmproxy and a direct connection, on this machine alone.

  direct       the demo upstream, nothing in between
  bare         mitmdump --mode reverse:…, which holds a stream back until it has ended
  bare+stream  the same with an addon of three lines that lets streams through
  stock        mitmdump -s addon/iflow.py
  serve        iflow-relay serve

and, with --watched alone, what it costs that calls can be looked at:

  unwatched    mitmdump with the addon, but no ledger, metrics, comments or views
  watched      with all of them, and the bodies of streams kept

The whole takes less than three minutes. The exit status is 0 whether or not a bar is met, and 1
where a system did not run.
"""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ends the program where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, in under a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--only", nargs="+", choices=tuple(PROXIES), metavar="NAME", help="measure these alone"
    )
    parser.add_argument(
        "--soak",
        action="store_true",
        help="instead, see whether memory grows over 20,000 requests and 500 streams",
    )
    parser.add_argument(
        "--watched",
        action="store_true",
        help="instead, see what ledger, metrics, comments and kept bodies cost",
    )
    parser.add_argument(
        "--tunnel",
        action="store_true",
        help="instead, download 200 MB through a tunnel, and beside bare mitmproxy's",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    options = parse_arguments(arguments)
    # As an exception it runs the clean-up that ends the processes.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        if options.tunnel:
            return _tunnel(options)
        return _soak(options) if options.soak else _measure(options)
    except KeyboardInterrupt:
        return 130


def _measure(options: argparse.Namespace) -> int:
    names = options.only or (WATCHING if options.watched else USUAL)
    measured = asyncio.run(measure(QUICK if options.quick else FULL, names, _say))
    print(render_json(measured) if options.json else render(measured))
    return 1 if measured.failures else 0


def _soak(options: argparse.Namespace) -> int:
    names = options.only or ("stock", "serve")
    amount = Amount(requests=4_000, streams=100) if options.quick else Amount()
    found = asyncio.run(soak(names, amount, _say))
    print(_growth_json(found) if options.json else _growth_table(found))
    return 1 if any(isinstance(growth, str) for growth in found.values()) else 0


def _tunnel(options: argparse.Namespace) -> int:
    amount = Downloads(rounds=3) if options.quick else Downloads()
    try:
        rates = measure_tunnels(amount, _say)
    except (LoadError, OSError) as error:
        print(f"FAILED: {error}")
        return 1
    print(render_rates_json(rates) if options.json else render_rates(rates))
    return 0


def _growth_table(found: Mapping[str, Growth | str]) -> str:
    rows = [
        (name, *(f"{value:.1f}" for value in growth), f"{growth.grown:+.1f}", _verdict(growth))
        for name, growth in found.items()
        if not isinstance(growth, str)
    ]
    head = ("memory, MB", "idle", "first requests", "all requests", "streams", "grown", "")
    failed = [f"FAILED {name}: {why}" for name, why in found.items() if isinstance(why, str)]
    return "\n".join([render_table(head, rows), *failed])


def _verdict(growth: Growth) -> str:
    return "met" if growth.grown < BAR_MB else "MISSED"


def _growth_json(found: Mapping[str, Growth | str]) -> str:
    return json.dumps(
        {
            name: {"failure": growth}
            if isinstance(growth, str)
            else {**growth._asdict(), "grown": growth.grown, "met": growth.grown < BAR_MB}
            for name, growth in found.items()
        },
        indent=2,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
