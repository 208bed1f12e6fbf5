"""`iflow-relay serve` as it usually runs: the relay, its report, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .addons import make_addons
from .master import run
from .relay import Relay
from .report import RelayReport


def serve(
    modes: Sequence[str], sets: Sequence[str], *, greet: Callable[[str], str], lines: bool
) -> None:
    """Serve until SIGINT or SIGTERM; raises ValueError where an option is wrong.

    `greet` gets the base URL once somebody listens there and gives what to print.
    """
    relay = Relay()
    report = RelayReport(relay, greet=greet, lines=lines)
    run({"mode": list(modes)}, sets, [*make_addons(relay), report])
