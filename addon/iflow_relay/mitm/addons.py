"""Puts the addons together."""

from __future__ import annotations

from .accounting import RelayLedger
from .agents import RelayAgents
from .answer import RelayAnswer
from .connect import RelayConnect
from .copying import RelayCopying
from .finding import RelayFinding
from .keeping import RelayKeeping
from .metering import RelayMetrics
from .options import RelayOptions
from .page import RelayPage
from .presence import RelayPresence
from .recording import RelayRecording
from .relay import Relay
from .renewing import RelayRenewal
from .replaying import RelayReplay
from .route import RelayRoute
from .turns import RelayTurns


def make_addons(relay: Relay | None = None) -> list[object]:
    """Fresh addons around one relay, in the order in which their hooks run."""
    relay = relay or Relay()
    return [
        RelayOptions(relay),
        RelayPresence(relay),
        RelayConnect(relay),
        RelayRenewal(relay),
        RelayLedger(relay),
        RelayPage(relay),
        RelayMetrics(relay),
        RelayReplay(relay),
        RelayAgents(relay),
        RelayRoute(relay),
        RelayAnswer(relay),
        RelayRecording(relay),
        RelayTurns(),
        RelayKeeping(relay),
        RelayFinding(),
        RelayCopying(relay),
    ]
