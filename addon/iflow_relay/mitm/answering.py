"""The answer's half of a stream: what the upstream says becomes what the client gets.

Rules:
1. An answer is read as a whole, read on its way through (`Reader`), or passed as it is, as the
   responseheaders hook says by `flow.response.stream`.
2. The head of a read answer is held until its reader knows that it is no error in disguise.
3. Once an answer is settled nothing that the upstream still says can change it.
"""

from __future__ import annotations

import time

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.net.http import status_codes
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import (
    DropStream,
    ErrorCode,
    HttpErrorHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
    HttpStream,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    SendHttp,
)

from ..errors import RelayError, UpstreamInvalid
from ..reader import Reader
from .policy import Policy

Commands = layer.CommandGenerator[None]

MAX_ANSWER = 64 << 20
"""Bytes of an answer that are buffered to be looked at as a whole; streams are not buffered."""


class AnsweringStream(HttpStream):
    """A stream that is ours, from the upstream's first word to the client's last."""

    policy: Policy
    reader: Reader | None = None
    head_sent = False
    talking = False
    """Whether the upstream has the request and owes an answer."""
    reads = False
    """Whether the answer is being read on its way through."""
    fed: bytes | None = None
    """What the reader gave for the event under way."""
    awaits_head = False
    head_size = 0
    """Bytes that came while the answer's head was awaited."""
    keeps_body = False
    """Whether what is streamed is also kept, for somebody to look at."""
    delimited = True
    """Whether the end of the answer's body can be told from a cut."""
    heard = 0.0
    """When the upstream last said something, on the steady clock; 0 while nobody waits for it."""
    settled = False
    """Whether all of the answer is known, so that nothing that still comes can change it."""

    def _state_answer_head(self, event: ResponseHeaders) -> Commands:
        self.heard = time.monotonic()
        self.awaits_head = False
        flow = self.flow
        response = flow.response = event.response
        if error := self._check_answer(response):
            yield from self._hang_up_upstream()
            yield from self._fail(error)
            return
        self.delimited = event.end_stream or _is_delimited(response)
        _as_http1(response)
        yield HttpResponseHeadersHook(flow)
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

    def _check_answer(self, response: http.Response) -> RelayError | None:
        if response.status_code < 200:
            return UpstreamInvalid(f"The upstream answered {response.status_code} to a request.")
        if self.context.options.validate_inbound_headers:
            try:
                validate_headers(response)
            except ValueError as error:
                return UpstreamInvalid(f"The upstream's answer has a head that is no HTTP: {error}")
        return None

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

    def handle_event(self, event: events.Event) -> Commands:
        """The hot path: one piece of an answer that is read on its way through.

        Everything that may wait for a hook goes the long way, through mitmproxy's states.
        """
        if type(event) is not ResponseData or not self.reads or self._paused:
            yield from super().handle_event(event)
            return
        reader = self.reader
        assert reader
        self.heard = time.monotonic()
        out = reader.feed(event.data)
        if reader.ended or not self.head_sent:
            self.fed = out
            yield from super().handle_event(event)
        elif out:
            yield from self._send_data(out)

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
        self.keeps_body = self.context.options.store_streamed_bodies
        yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response), self.context.client)

    def _send_data(self, data: bytes) -> Commands:
        if self.keeps_body:
            self.response_body_buf += data
        if self.flow.request.method != "HEAD":
            yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def _end(self, failure: RelayError | None = None) -> Commands:
        """The last of a streamed answer was sent."""
        flow = self.flow
        assert flow.response
        self._close_answer()
        flow.response.timestamp_end = time.time()
        if self.keeps_body:
            flow.response.data.content = bytes(self.response_body_buf)
        self.response_body_buf.clear()
        if failure:
            flow.error = Error(failure.message)
            yield HttpErrorHook(flow)
        else:
            yield HttpResponseHook(flow)
        yield from self._finish()

    def _send_whole_answer(self) -> Commands:
        """Send an answer whose body is all there, once the response hook has seen it."""
        flow = self.flow
        assert flow.response
        self._close_answer()
        flow.response.timestamp_start = flow.response.timestamp_start or time.time()
        flow.response.timestamp_end = time.time()
        yield HttpResponseHook(flow)
        if (yield from self.check_killed(False)):
            return
        content = flow.response.raw_content
        yield from self._send_head()
        if content and flow.request.method != "HEAD":
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        yield from self._finish()

    def _close_answer(self) -> None:
        """The answer is settled: whatever the upstream still says comes too late."""
        self.settled = True
        self.reads = False
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


def _is_delimited(response: http.Response) -> bool:
    """Whether the answer's own framing says where its body ends."""
    headers = response.headers
    return (
        response.is_http2
        or "content-length" in headers
        or "chunked" in headers.get("transfer-encoding", "").lower()
    )


def _as_http1(response: http.Response) -> None:
    """Make an HTTP/2 answer one that either kind of client connection can write."""
    if response.is_http2 or response.is_http3:
        response.http_version = "HTTP/1.1"
        response.reason = status_codes.RESPONSES.get(response.status_code, "")


def is_reader(stream: object) -> bool:
    """Whether an answer is to be read on its way through."""
    return hasattr(stream, "feed") and hasattr(stream, "fail")
