"""The answer's half of a stream: what the upstream says becomes what the client gets.

Rules:
1. An answer is read as a whole, read on its way through (`Reader`), or passed as it is, as the
   responseheaders hook says by `flow.response.stream`.
2. The head of a read answer is held until its reader knows that it is no error in disguise.
3. Once an answer is settled nothing that the upstream still says can change it.
"""

from __future__ import annotations

import time

from mitmproxy.flow import Error
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    HttpErrorHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)

from ..errors import RelayError, UpstreamInvalid
from ..reader import Reader
from .connecting import ConnectingStream
from .heads import check_head, is_delimited, make_http1
from .hooks import FlowHook, HooksAtOnce
from .sent import Sent

Commands = layer.CommandGenerator[None]

MAX_ANSWER = 64 << 20
"""Bytes of an answer that are buffered to be looked at as a whole; streams are not buffered."""


class AnsweringStream(ConnectingStream):
    """A stream that is ours, from the upstream's first word to the client's last."""

    hooks: HooksAtOnce
    ours = False
    reader: Reader | None = None
    head_sent = False
    talking = False
    """Whether the upstream has the request and owes an answer."""
    reads = False
    """Whether the answer is being read on its way through."""
    fed: bytes | None = None
    """What the reader gave for the event under way."""
    sent: Sent
    """What has gone out of a streamed body."""
    sends_body = True
    delimited = True
    """Whether the end of the answer's body can be told from a cut."""
    heard = 0.0
    """When the upstream last said something, on the steady clock; 0 while nobody waits for it."""
    settled = False
    """Whether all of the answer is known, so that nothing that still comes can change it."""

    def hook(self, kind: type[FlowHook]) -> Commands:
        """Run a hook, and wait where one of those it calls does."""
        if waiting := self.hooks.run(kind, self.flow):
            yield waiting

    def check_killed(self, emit_error_hook: bool) -> layer.CommandGenerator[bool]:
        """Whether somebody ended the flow, or its client left, while a hook waited."""
        if not self.ours:
            return (yield from super().check_killed(emit_error_hook))
        flow = self.flow
        left = [e for e in self._paused_event_queue if isinstance(e, RequestProtocolError)]
        if left and not flow.error:
            flow.error = Error(left[0].message)
        if not left and not (flow.error and flow.error.msg == Error.KILLED_MESSAGE):
            return False
        if emit_error_hook:
            yield from self.hook(HttpErrorHook)
        yield SendHttp(
            ResponseProtocolError(self.stream_id, "killed", ErrorCode.KILL), self.context.client
        )
        flow.live = False
        self.client_state = self.server_state = self.state_errored
        return True

    def _state_answer_head(self, event: ResponseHeaders) -> Commands:
        self.heard = time.monotonic()
        flow = self.flow
        response = flow.response = event.response
        if error := check_head(response, to_the_letter=self.policy.checks_heads):
            yield from self._hang_up_upstream()
            yield from self._fail(error)
            return
        self.delimited = event.end_stream or is_delimited(response)
        make_http1(response)
        yield from self.hook(HttpResponseHeadersHook)
        if (yield from self.check_killed(True)):
            return
        if flow.response is not response:
            # The hook has put an answer of its own in its place.
            yield from self._hang_up_upstream()
            yield from self._send_whole_answer()
            return
        stream = response.stream
        if is_reader(stream):
            self.reader = stream  # type: ignore[assignment]
            self.server_state = self._state_read
            self.reads = True
        elif stream:
            yield from self._send_head()
            self.server_state = self._state_raw
        else:
            self.server_state = self._state_buffer

    def _state_buffer(self, event: events.Event) -> Commands:
        """An answer that is looked at as a whole, in the response hook."""
        self.heard = time.monotonic()
        if isinstance(event, ResponseData):
            self.response_body_buf += event.data
            if len(self.response_body_buf) > MAX_ANSWER:
                yield from self._hang_up_upstream()
                yield from self._fail(UpstreamInvalid("The upstream's answer is over 64 MB."))
        elif isinstance(event, ResponseEndOfMessage):
            assert self.flow.response
            self.talking = False
            self.flow.response.data.content = bytes(self.response_body_buf)
            self.response_body_buf.clear()
            yield from self._send_whole_answer()

    def _state_raw(self, event: events.Event) -> Commands:
        """An answer that passes as it is."""
        self.heard = time.monotonic()
        if isinstance(event, ResponseData):
            yield from self._send_data(event.data)
        elif isinstance(event, ResponseEndOfMessage):
            self.talking = False
            yield from self._end()

    @property
    def flows(self) -> bool:
        """Whether all that is left to do with a piece of the answer is to read it and send it."""
        return self.reads and self.head_sent and not self._paused

    def read_on(self, data: bytes) -> bytes | None:
        """What the client gets for a piece; None where the answer ends with it.

        Then the piece has to come again as an event: whatever may wait for a hook goes the long
        way, through mitmproxy's states.
        """
        reader = self.reader
        assert reader
        self.heard = time.monotonic()
        out = reader.feed(data)
        if reader.ended:
            self.fed = out
            return None
        if out:
            self.sent.note(out)
        return out if self.sends_body else b""

    def _state_read(self, event: events.Event) -> Commands:
        """An answer that is read on its way through."""
        self.heard = time.monotonic()
        reader = self.reader
        assert reader
        if isinstance(event, ResponseData):
            out, self.fed = reader.feed(event.data) if self.fed is None else self.fed, None
            if out or reader.ended:
                yield from self._pass(out)
        elif isinstance(event, ResponseEndOfMessage):
            self.talking = False
            yield from self._pass(reader.finish(delimited=self.delimited))

    def _pass(self, out: bytes) -> Commands:
        """Send what the reader gave, after the head, or the error that it found instead."""
        reader = self.reader
        assert reader
        if reader.refusal and not self.head_sent:
            yield from self._hang_up_upstream()
            yield from self._fail(reader.refusal)
            return
        if not self.head_sent:
            yield from self._send_head()
        if out:
            yield from self._send_data(out)
        if reader.failure:
            yield from self._hang_up_upstream()
            yield from self._end(reader.failure)
        elif not self.talking:
            yield from self._end()

    def _send_head(self) -> Commands:
        assert self.flow.response
        self.head_sent = True
        self.sends_body = self.flow.request.method != "HEAD"
        if self.policy.keeps_bodies and not self.settled:
            self.sent.keep(self.flow.request.timestamp_end or time.time(), self.policy.max_kept)
        yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response), self.context.client)

    def _send_data(self, data: bytes) -> Commands:
        self.sent.note(data)
        if self.sends_body:
            yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def _end(self, failure: RelayError | None = None) -> Commands:
        """The last of a streamed answer was sent."""
        flow = self.flow
        assert flow.response
        self._close_answer()
        flow.response.timestamp_end = time.time()
        self.response_body_buf.clear()
        if failure:
            flow.error = Error(failure.message)
            yield from self.hook(HttpErrorHook)
        else:
            yield from self.hook(HttpResponseHook)
        yield from self._finish()

    def _send_whole_answer(self) -> Commands:
        """Send an answer whose body is all there, once the response hook has seen it."""
        flow = self.flow
        assert flow.response
        self._close_answer()
        flow.response.timestamp_start = flow.response.timestamp_start or time.time()
        flow.response.timestamp_end = time.time()
        yield from self.hook(HttpResponseHook)
        if (yield from self.check_killed(False)):
            return
        content = flow.response.raw_content
        yield from self._send_head()
        if content and self.sends_body:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield from self._finish()

    def _close_answer(self) -> None:
        """The answer is settled: whatever the upstream still says comes too late."""
        self.settled = True
        self.reads = False
        self.sent.write(self.flow)
        self.heard = 0.0
        self.server_state = self._state_nothing

    def _state_nothing(self, event: events.Event) -> Commands:
        """Nothing is expected from an upstream that was not asked, or was hung up on."""
        yield from ()

    def _finish(self) -> Commands:
        self.flow.live = False
        if self.client_state == self.state_done:
            yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _fail(self, error: RelayError) -> Commands:
        """Answer with an error, in place of whatever the upstream would have said."""
        self.response_body_buf.clear()
        self.flow.response = self.policy.render(error, self.flow)
        yield from self._send_whole_answer()

    def _hang_up_upstream(self) -> Commands:
        if self.talking:
            self.talking = False
            yield SendHttp(
                RequestProtocolError(self.stream_id, "hung up", ErrorCode.CANCEL),
                self.context.server,
            )


def is_reader(stream: object) -> bool:
    """Whether an answer is to be read on its way through."""
    return hasattr(stream, "feed") and hasattr(stream, "fail")
