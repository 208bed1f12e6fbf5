"""What has gone out of a streamed answer: how much; and, for whoever looks, what and when."""

from __future__ import annotations

import time

from mitmproxy import http

from ..pacing import Pacing
from .call import BODIES, PACING, SENT


class Sent:
    """Counts bytes; keeps them as well from `keep` on, up to a bound."""

    def __init__(self) -> None:
        self._count = 0
        self._kept: bytearray | None = None
        self._pacing = Pacing(0)
        self._most = 0

    def keep(self, asked: float, most: int) -> None:
        """Keep the body, unless it gets larger than `most`; `asked` at a time since 1970."""
        self._kept, self._most = bytearray(), most
        self._pacing = Pacing(time.monotonic() - (time.time() - asked))

    def note(self, data: bytes) -> None:
        """These bytes go out now."""
        self._count += len(data)
        if self._kept is None:
            return
        self._kept += data
        self._pacing.note(time.monotonic(), len(data))
        if self._count > self._most:
            self._kept = None

    def write(self, flow: http.HTTPFlow) -> None:
        """Leave on the flow what is known, now that nothing more goes out."""
        if self._count:
            flow.metadata[SENT] = self._count
        if self._kept is not None and flow.response:
            flow.response.data.content = bytes(self._kept)
            flow.metadata[PACING] = self._pacing.render()
        elif self._most:
            flow.metadata[BODIES] = "dropped"
        self._kept, self._most = None, 0
