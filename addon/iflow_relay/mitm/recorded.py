"""Reads a flow file as a recording: what was asked, and how it was answered."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mitmproxy import http
from mitmproxy.io import FlowReader

from ..errors import RelayError
from ..files import short_path
from ..headers import Fields
from ..pacing import Piece, parse_pacing
from ..recording.asked import Asked, read_asked
from ..recording.tape import Tape
from ..routing import Kind, route
from .call import PACING

logger = logging.getLogger(__name__)

RECORDED = frozenset({Kind.CHAT, Kind.MODELS, Kind.FORWARD})
"""Routes whose calls are recorded: those that an upstream answers."""

DONE = b"data: [DONE]"
"""Ends a stream for those clients that hang up then."""


class Recorded(NamedTuple):
    """An answer as the client got it."""

    status: int
    reason: str
    fields: Fields
    body: bytes
    pieces: tuple[Piece, ...]
    broke: bool
    """Whether it broke off, so that its client could see that it was not whole."""
    notes: Mapping[str, Any]
    """The metadata of its flow."""


def read_tape(path: Path) -> Tape[Recorded]:
    """A recording, in the order in which the requests came; raises ValueError, OSError in words."""
    flows = sorted(read_calls(path), key=lambda flow: flow.request.timestamp_start)
    return Tape(filter(None, map(read_call, flows)))


def read_calls(path: Path) -> list[http.HTTPFlow]:
    """The calls of the relay's in a flow file, without the last where it is not whole.

    Raises ValueError where it is no flow file, OSError where it cannot be read.
    """
    flows: list[http.HTTPFlow] = []
    try:
        flows.extend(_read(path))
    except OSError:
        raise
    except Exception as error:
        # What a damaged flow raises is as various as the damage.
        if not flows:
            why = f": {error}" if "version" in str(error) else ""
            raise ValueError(f"{short_path(path)} is no recording{why}") from error
        logger.warning(
            "%s ends in the middle of a call; the %d before it are used.",
            short_path(path),
            len(flows),
        )
    return flows


def _read(path: Path) -> Iterator[http.HTTPFlow]:
    with path.open("rb") as file:
        for flow in FlowReader(file).stream():
            if isinstance(flow, http.HTTPFlow) and "iflow.path" in flow.metadata:
                yield flow


def read_call(flow: http.HTTPFlow) -> tuple[Asked, Recorded] | None:
    """What was asked and answered; None where no answer came, or a body was not kept."""
    request, response, notes = flow.request, flow.response, flow.metadata
    whole = response is not None and response.timestamp_end is not None
    if response is None or not (whole or PACING in notes):
        return None
    if request.raw_content is None or response.raw_content is None:
        return None
    try:
        decided = route(request.method, str(notes["iflow.path"]))
    except RelayError:
        return None
    if decided.kind not in RECORDED:
        return None
    media = request.headers.get("content-type", "")
    # The body names the model that ran, which another may have been asked for.
    model = str(notes.get("iflow.model.asked", "")) if decided.kind is Kind.CHAT else None
    asked = read_asked(request.method, decided, media, request.raw_content, model=model)
    body = response.raw_content
    return asked, Recorded(
        response.status_code,
        response.reason,
        response.headers.fields,
        body,
        _pieces(flow, response, len(body)),
        not whole and not body.rstrip().endswith(DONE),
        notes,
    )


def _pieces(flow: http.HTTPFlow, response: http.Response, length: int) -> tuple[Piece, ...]:
    """When which bytes went out; an answer that was no stream went out in one."""
    if PACING in flow.metadata:
        return parse_pacing(str(flow.metadata[PACING]))
    begun = flow.request.timestamp_end or flow.request.timestamp_start
    return (Piece(max(0.0, (response.timestamp_end or begun) - begun), length),)
