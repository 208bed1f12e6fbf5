"""Tells the person who started the relay where it is, and of each call as it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from mitmproxy import ctx

from ..credential import bracket
from ..routing import Kind
from ..summary import printable, render_tokens
from .call import Ended
from .relay import Relay

Print = Callable[[str], None]


class RelayReport:
    """One line a call; `greet` gets the address once the relay listens."""

    def __init__(self, relay: Relay, *, greet: Callable[[str], str], lines: bool) -> None:
        self._relay = relay
        self._greet = greet
        self._colour = sys.stdout.isatty()
        if lines:
            relay.on_end.append(self._report)

    def running(self) -> None:
        """Say where to point a client, now that somebody listens there."""
        if self._relay.refused:
            return
        addresses = ctx.master.addons.get("proxyserver").listen_addrs()
        host, port = addresses[0][:2] if addresses else ("127.0.0.1", 0)
        if greeting := self._greet(f"http://{bracket(host)}:{port}/v1"):
            print(greeting, flush=True)

    def _report(self, ended: Ended) -> None:
        if ended.call.route.kind is not Kind.HEALTH:
            line = render_line(time.strftime("%H:%M:%S"), ended)
            print(_red(line) if self._colour and ended.error else line, flush=True)


def render_line(clock: str, ended: Ended) -> str:
    """Time, client, model asked → run, status, tokens, time to first token, duration."""
    call, usage = ended.call, ended.usage
    model = call.asked if call.asked == call.run else f"{call.asked or '-'} → {call.run or '-'}"
    parts = [
        clock,
        ended.client,
        model or call.route.path,
        str(ended.status or "-"),
        ended.error or "",
        render_tokens(usage.prompt, usage.completion),
        f"ttft {ended.first_token:.2f} s" if ended.first_token is not None else "",
        f"{ended.duration:.2f} s",
    ]
    return "  ".join(printable(part) for part in parts if part)


def _red(line: str) -> str:
    return f"\x1b[31m{line}\x1b[0m"
