"""Writes a call's figures onto its flow: a line to read, a mark on failures, plain values."""

from __future__ import annotations

from mitmproxy import http

from ..jsontext import mend
from ..routing import Kind
from ..summary import Summary, render_summary
from .call import Ended

FAILED = ":red_circle:"
"""The mark of a failed call, by mitmproxy's name for it."""

_QUIET = frozenset({Kind.HEALTH, Kind.PAC})
"""Routes that say something of the relay alone: nothing to read unless they fail."""

LINE = "iflow.line"
"""Metadata: the comment as it was written here, which tells it from somebody's own."""

_FIGURES = (
    *(LINE, "iflow.error", "iflow.tokens.", "iflow.finish", "iflow.tools", "iflow.ttft"),
    *("iflow.duration", "iflow.bodies", "iflow.bytes.", "iflow.pacing", "iflow.turns."),
)
"""How the names of what is known of one sending begin."""


def note(flow: http.HTTPFlow, ended: Ended) -> None:
    """Set metadata, comment and mark; a comment or a mark that is somebody's own stays."""
    flow.metadata.update(figures(ended))
    if ended.call.route.kind in _QUIET and not ended.error:
        return
    if not flow.comment:
        flow.comment = flow.metadata[LINE] = render_summary(summarise(ended))
    if ended.error and not flow.marked:
        flow.marked = FAILED


def forget(flow: http.HTTPFlow) -> None:
    """Take off a flow that is sent again what was noted before; what is somebody's own stays."""
    if flow.comment == flow.metadata.get(LINE):
        flow.comment = ""
    if flow.marked == FAILED:
        flow.marked = ""
    for name in [name for name in flow.metadata if name.startswith(_FIGURES)]:
        del flow.metadata[name]


def summarise(ended: Ended) -> Summary:
    """What the line says of a call."""
    call, usage = ended.call, ended.usage
    return Summary(
        call.run or call.asked,
        call.stream,
        ended.status,
        ended.error or "",
        usage.prompt,
        usage.completion,
        ended.first_token,
        ended.duration,
        ended.finish,
        ended.tools,
    )


def figures(ended: Ended) -> dict[str, str | int | float]:
    """Plain values by name, which flow files can hold; what is not known is left out."""
    usage = ended.usage
    known = {
        "iflow.error": ended.error or None,
        "iflow.tokens.prompt": usage.prompt,
        "iflow.tokens.completion": usage.completion,
        "iflow.tokens.cached": usage.cached,
        "iflow.tokens.reasoning": usage.reasoning,
        "iflow.finish": mend(ended.finish) or None,
        "iflow.tools": ended.tools or None,
        "iflow.ttft": _rounded(ended.first_token),
        "iflow.duration": _rounded(ended.duration),
    }
    return {name: value for name, value in known.items() if value is not None}


def _rounded(seconds: float | None) -> float | None:
    """To the millisecond, so that no figure is ever written with an exponent."""
    return None if seconds is None else round(seconds, 3)
