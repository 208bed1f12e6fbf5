"""Answers calls from a recording; nothing goes to an upstream."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitmproxy import http
from mitmproxy.exceptions import OptionsError

from ..dialects.chat import Usage
from ..errors import InternalError, NotRecorded
from ..headers import answer_fields, cors_fields
from ..recording.asked import read_asked
from ..recording.schedule import make_schedule
from ..recording.tape import Tape
from ..routing import Kind
from .call import PACING, Call
from .copies import headers_of
from .edge import HasRelay, closed_where_it_may_wait
from .playing import Player
from .recorded import RECORDED, Recorded, read_tape
from .relay import Relay

CHUNKED = (b"Transfer-Encoding", b"chunked")
LEFT = "client_disconnected"
"""The error of a call whose client left: here it may stay."""


class RelayReplay(HasRelay):
    """The recording that `iflow_replay` names, in the place of every upstream."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._path: Path | None = None
        self._tape: Tape[Recorded] | None = None

    def configure(self, updated: set[str]) -> None:
        path = self.relay.config.replay
        if path == self._path:
            return
        try:
            self._tape = read_tape(path) if path else None
        except (OSError, ValueError) as error:
            raise OptionsError(f"iflow_replay: {error}") from error
        self._path = path

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> None:
        if self.relay.config.replay is None or call.route.kind not in RECORDED:
            return
        if self._tape is None:
            raise InternalError("The recording could not be read.")
        call.replayed = True
        flow.metadata["iflow.replayed"] = "1"
        request = flow.request
        media = request.headers.get("content-type", "")
        asked = read_asked(request.method, call.route, media, request.raw_content or b"")
        recorded = self._tape.take(asked)
        if recorded is None:
            raise NotRecorded(self._tape.explain(asked))
        copy_notes(flow, call, recorded)
        flow.response = self._make_response(flow, call, recorded)

    def _make_response(self, flow: http.HTTPFlow, call: Call, recorded: Recorded) -> http.Response:
        response = http.Response.make(recorded.status)
        response.reason = recorded.reason
        fields = answer_fields(recorded.fields, cors=cors_fields(call.origin), drop=frozenset())
        if flow.is_replay:
            # What mitmproxy's own layer carries is not played.
            response.headers = headers_of(fields)
            response.raw_content = recorded.body
            return response
        if flow.request.data.http_version == b"HTTP/1.1" and not _is_framed(recorded):
            fields = (CHUNKED, *fields)
        response.headers = headers_of(fields)
        response.raw_content = None
        schedule = make_schedule(recorded.body, recorded.pieces, self.relay.config.replay_speed)
        response.stream = Player(deque(schedule), recorded.broke)  # type: ignore[assignment]
        return response


def copy_notes(flow: http.HTTPFlow, call: Call, recorded: Recorded) -> None:
    """Take over what was known of the call when it was recorded, for whoever looks at this one."""
    notes = recorded.notes
    call.run, call.asked = (
        str(notes.get("iflow.model", "")),
        str(notes.get("iflow.model.asked", "")),
    )
    call.stream = call.route.kind is Kind.CHAT and PACING in notes
    call.usage = Usage(*(_number(notes, f"iflow.tokens.{name}") for name in Usage._fields))
    call.finish, call.tools = str(notes.get("iflow.finish", "")), _number(notes, "iflow.tools") or 0
    copied = ("iflow.model", "iflow.model.asked", "iflow.error")
    flow.metadata.update({name: str(notes[name]) for name in copied if name in notes})
    if notes.get("iflow.error") == LEFT:
        del flow.metadata["iflow.error"]


def _number(notes: Mapping[str, Any], name: str) -> int | None:
    """A count; None where there is none, or somebody has written something else there."""
    count = notes.get(name)
    return count if isinstance(count, int) else None


def _is_framed(recorded: Recorded) -> bool:
    """Whether the answer's end is told by its length, or by its having no body."""
    names = {name.lower() for name, _ in recorded.fields}
    return b"content-length" in names or recorded.status in (204, 304)
