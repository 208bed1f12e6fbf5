"""Whether a stream arrives as it was sent: read through a relay of its own, whose upstream stops.

The embedded upstream sends its events one by one and then says nothing more, without an end. What
is held back until the end thus never arrives, however fast or slow the machine is.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import site
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ..demo.faults import MODEL_PREFIX
from ..private import RELAY, PrivateRelay, RelayFailed
from ..sse import Splitter, event_data, split_events
from .ending import Ending
from .patience import render_time
from .verdict import Verdict, failure, ok, warning

NAME: Final = "stream"
COMMAND: Final = (*RELAY, "--demo")

EVENTS: Final = 6
GAP: Final = 0.05
"""Seconds between two events at the upstream."""

PATIENCE: Final = 10.0
"""Seconds that the next event may take."""

HELD: Final = (
    "something between programs of this machine holds streams back: look for an antivirus or "
    "firewall that inspects local connections"
)


class Arrivals(NamedTuple):
    """When each event came, in seconds since the request; `problem` is why no more did."""

    times: tuple[float, ...]
    problem: str = ""


def check_stream(
    environ: Mapping[str, str],
    folder: Path,
    ending: Ending,
    command: Sequence[str] = COMMAND,
) -> Iterator[Verdict]:
    """Start a relay with a home of its own in `folder`, read a stream through it, and end it.

    Where the whole is broken off, it is ended by `ending`.
    """
    relay = ending.begin(lambda: PrivateRelay(command, at_home_in(folder, environ)))
    try:
        ready = relay.wait_until_ready(lambda _: None)
        yield judge(read_stream(ready.endpoint))
    except RelayFailed as error:
        yield failure(NAME, str(error), "`iflow-relay serve --demo` shows why")
    finally:
        relay.end()


def at_home_in(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of somebody who lives in the folder: no settings, notes or authority."""
    home = str(folder)
    names = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")
    xdg = [f"XDG_{kind}_HOME" for kind in ("CONFIG", "DATA", "STATE", "CACHE")]
    # Python looks below HOME for what was installed for one user alone; this may be among it.
    return {**environ, **dict.fromkeys((*names, *xdg), home), "PYTHONUSERBASE": site.getuserbase()}


def read_stream(endpoint: str) -> Arrivals:
    """Ask for a stream that stops after its events, and note when each arrives."""
    parts = urlsplit(endpoint)
    faults = f"words={EVENTS},pause={GAP},silence={EVENTS}"
    body = {
        "model": f"{MODEL_PREFIX}{faults}",
        "messages": [{"role": "user", "content": "count"}],
        "stream": True,
    }
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    times: list[float] = []
    begun = time.monotonic()
    with contextlib.closing(connection):
        try:
            head = {"Content-Type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), head)
            answer = connection.getresponse()
            if answer.status != 200:
                return Arrivals((), f"the relay answered {answer.status}")
            for count in _read_counts(answer):
                times += [time.monotonic() - begun] * count
                if len(times) >= EVENTS:
                    return Arrivals(tuple(times))
        except TimeoutError:
            return Arrivals(tuple(times), f"no more came within {PATIENCE:.0f} s")
        except (OSError, http.client.HTTPException) as error:
            return Arrivals(tuple(times), str(error) or type(error).__name__)
    return Arrivals(tuple(times), "the stream ended too soon")


def _read_counts(answer: http.client.HTTPResponse) -> Iterator[int]:
    """How many events with a text of the model's each read brings."""
    splitter = Splitter()
    while piece := answer.read1(65536):
        yield sum(map(_has_text, split_events(splitter.feed(piece))))


def _has_text(event: bytes) -> bool:
    try:
        return bool(json.loads(event_data(event) or b"")["choices"][0]["delta"].get("content"))
    except (ValueError, LookupError, TypeError):
        return False


def judge(arrivals: Arrivals, sent: int = EVENTS, gap: float = GAP) -> Verdict:
    """Whether they came as they were sent, `gap` seconds apart."""
    times, problem = arrivals
    if problem and not times:
        return failure(NAME, f"nothing of it arrived: {problem}", HELD)
    if problem:
        return failure(NAME, f"{len(times)} of {sent} events arrived: {problem}", HELD)
    apart, spread = (sent - 1) * gap, times[-1] - times[0]
    what = f"{sent} events, sent within {render_time(apart)}, arrived within {render_time(spread)}"
    if spread < apart / 2:
        return warning(NAME, f"{what}: in bursts", HELD)
    return ok(NAME, f"{what}, the first after {render_time(times[0])}")
