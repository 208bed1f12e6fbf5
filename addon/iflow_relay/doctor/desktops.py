"""Whether the system's proxy settings lead somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..system_proxy.desktop import SystemProxyError
from ..system_proxy.owner import is_alive
from ..system_proxy.snapshot import Loaded
from ..system_proxy.state import Setting
from .verdict import Verdict, failure, ok, skipped, warning

NAME = "system proxy"
OFF = "iflow-relay system-proxy off"


def check_desktops(
    load: Callable[[], Loaded], read: Callable[[Loaded], Sequence[Setting]]
) -> Iterator[Verdict]:
    """A verdict on each desktop's setting, and on what was left behind."""
    try:
        loaded = load()
        settings = read(loaded)
    except SystemProxyError as error:
        yield warning(NAME, str(error), "look into the system's own proxy settings")
        return
    if loaded.problem:
        yield warning(NAME, loaded.problem, "look into the system's own proxy settings")
    if (snapshot := loaded.snapshot) and snapshot.owner and not is_alive(snapshot.owner):
        what = f"since {snapshot.when} it is set for a relay that was killed"
        yield warning("snapshot", what, f"{OFF} (the next start of a relay does the same)")
    yield from map(_check, settings)
    if not settings:
        yield skipped(NAME, "no desktop is here whose settings can be read")


def _check(setting: Setting) -> Verdict:
    if setting.is_stale:
        what = f"{setting.pac} is set, and no relay answers there"
        by_hand = "turn it off in the system's own settings"
        return failure(setting.desktop, what, OFF if setting.is_ours else by_hand)
    ours = ", a relay's that answers" if setting.answers else ""
    return ok(setting.desktop, f"{setting.text}{ours}")
