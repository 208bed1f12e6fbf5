"""`python -m iflow_relay.demo`: the demo upstream as a program of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

from . import KEY, start
from .faults import render_table


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, or print the table of faults."""
    options = _parser().parse_args(argv)
    if options.faults:
        print(render_table())
        return 0
    try:
        # On Windows, Ctrl-C comes as an exception instead of a signal.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(options.host, options.port))
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m iflow_relay.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--faults", action="store_true", help="print the faults and end")
    return parser


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with await start(host, port) as server:
        print(f"demo upstream at {server.base_url} (key {KEY})", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
