"""Writes calls to a flow file as they end, for `iflow-relay replay` and for mitmproxy itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mitmproxy import http
from mitmproxy.exceptions import OptionsError
from mitmproxy.io import tnetstring

from ..files import short_path
from ..recording.file import RecordFile
from .call import PACING
from .edge import HasRelay
from .recorded import RECORDED
from .relay import Relay

logger = logging.getLogger(__name__)

_ROUTES = frozenset(kind.value for kind in RECORDED)


class RelayRecording(HasRelay):
    """The file that `iflow_record` names; its hooks come when the client's answer is settled."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._path: Path | None = None
        self._file: RecordFile | None = None
        self._runs = False

    def configure(self, updated: set[str]) -> None:
        path = self.relay.config.record
        if path and self.relay.config.replay:
            raise OptionsError("iflow_record: a relay that replays has nothing to record")
        if path == self._path:
            return
        try:
            fresh = RecordFile(path) if path else None
        except OSError as error:
            why = error.strerror or error
            raise OptionsError(f"iflow_record: {path} cannot be written: {why}") from error
        self.done()
        self._path, self._file = path, fresh
        if self._runs:
            self._settle()

    def running(self) -> None:
        self._runs = True
        self._settle()

    def response(self, flow: http.HTTPFlow) -> None:
        self._write(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._write(flow)

    def done(self) -> None:
        if self._file:
            self._file.close()
        self._file = None

    def _settle(self) -> None:
        """A recording that was there before goes only now that this relay has started."""
        try:
            if self._file:
                self._file.settle()
        except OSError as error:
            logger.error("Nothing is recorded: %s", error)
            self.done()

    def _write(self, flow: http.HTTPFlow) -> None:
        if self._file is None or flow.metadata.get("iflow.route") not in _ROUTES:
            return
        if flow.response and flow.response.stream and PACING not in flow.metadata:
            return  # it was under way before this was asked for, and its body is gone
        if self.relay.config.show_credentials:
            flow = without_key(flow)
        try:
            self._file.write(dump(flow))
        except OSError as error:
            # A call is worth more than its record; what was written so far can be replayed.
            where = short_path(self._path) if self._path else ""
            logger.error("From here on nothing is recorded in %s: %s", where, error)
            self.done()


def dump(flow: http.HTTPFlow) -> bytes:
    """A flow as flow files hold it.

    Without what they cannot hold: half letters, which a client or an upstream may have sent, and
    whatever another addon has left in the metadata.
    """
    state = flow.get_state()
    try:
        return tnetstring.dumps(state)
    except ValueError:
        return tnetstring.dumps(_plain(state))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value if isinstance(value, bytes | int | float) else None


def without_key(flow: http.HTTPFlow) -> http.HTTPFlow:
    """A copy of a flow that shows a key, without it."""
    copy: http.HTTPFlow = flow.copy()
    if "authorization" in copy.request.headers:
        copy.request.headers["authorization"] = "Bearer …"
    return copy
