"""Reads what the upstream answers and makes it what the client expects, or an honest error."""

from __future__ import annotations

import time

from mitmproxy import http

from ..catalog import NO_LIST, Overlay, named_model
from ..dialects.chat import read_completion
from ..dialects.chat_stream import ChatStream
from ..errors import RelayError
from ..headers import answer_fields, cors_fields
from ..inflate import Inflating
from ..jsontext import to_json
from ..refusal import read_failure, read_list, read_redirect, read_short
from ..routing import Kind
from .edge import HasRelay, closed, refuse
from .relay import Call
from .route import pick_model

SHORT = 4096
"""Bytes of a pass-through answer that may be an error inside a 200; longer ones stream through."""

_REWRITTEN = frozenset({b"content-length", b"content-encoding"})


class RelayAnswer(HasRelay):
    """From the upstream's response head to the end of the answer."""

    @closed
    def responseheaders(self, flow: http.HTTPFlow, call: Call) -> None:
        response = flow.response
        if response is None or call.upstream is None:
            return
        if flow.is_replay:
            self.relay.mask(flow, call)
            return
        if not 200 <= response.status_code < 300:
            return
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if call.route.kind is Kind.CHAT and (call.stream or media == "text/event-stream"):
            self._install_reader(flow, call, response)
        elif call.route.kind is Kind.FORWARD and not _is_short_json(response, media):
            response.stream = True
            self._set_fields(flow, call, response, frozenset())

    @closed
    def response(self, flow: http.HTTPFlow, call: Call) -> None:
        response = flow.response
        try:
            if response and call.upstream and not response.stream and not flow.is_replay:
                self._read_whole(flow, call, response)
        except Exception as error:
            refuse(self.relay, flow, error)
        self.relay.end(flow)

    @closed
    def error(self, flow: http.HTTPFlow, call: Call) -> None:
        if flow.is_replay:
            self.relay.mask(flow, call)
        self.relay.end(flow)

    def _install_reader(self, flow: http.HTTPFlow, call: Call, response: http.Response) -> None:
        reader = call.reader = ChatStream(
            self.relay.config.normalise, now=time.monotonic, redact=call.redact
        )
        if response.status_code in (204, 205):
            # A stream was due: that it holds nothing is told as its one event, which needs a body.
            response.status_code, response.reason = 200, "OK"
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        response.stream = reader if coding == "identity" else Inflating(reader, coding)  # type: ignore[assignment]
        response.headers["content-type"] = "text/event-stream; charset=utf-8"
        self._set_fields(flow, call, response, _REWRITTEN)

    def _read_whole(self, flow: http.HTTPFlow, call: Call, response: http.Response) -> None:
        """A buffered answer: raises the error that it is, or sets the body the client gets."""
        if "iflow.error" in flow.metadata:
            return
        body = response.get_content(strict=False) or b""
        try:
            body = self._read_body(call, response, body)
        except RelayError as error:
            raise error.redact(call.redact) from None
        self._set_fields(flow, call, response, _REWRITTEN)
        response.raw_content = body
        if flow.request.method != "HEAD":
            response.headers["content-length"] = str(len(body))

    def _read_body(self, call: Call, response: http.Response, body: bytes) -> bytes:
        if 300 <= response.status_code < 400:
            raise read_redirect(response.status_code, response.headers.get("location", ""))
        if call.route.kind is Kind.MODELS:
            return self._read_models(call, response, body)
        if response.status_code >= 400:
            raise read_failure(response.status_code, body)
        if call.route.kind is Kind.CHAT:
            completion = read_completion(body, self.relay.config.normalise)
            call.usage = completion.usage
            return completion.body
        if refusal := read_short(body):
            raise refusal
        return body

    def _read_models(self, call: Call, response: http.Response, body: bytes) -> bytes:
        """The upstream's own list with models.toml on it, or what is known where it has none."""
        overlay, status = self.relay.library.overlay(), response.status_code
        if status >= 400:
            entries = overlay.apply(named_model(call.upstream.model if call.upstream else None))
            if status not in NO_LIST or not entries:
                raise read_failure(status, body)
            response.status_code, response.reason = 200, "OK"
        else:
            listed = read_list(body)
            self.relay.library.learn(str(entry.get("id")) for entry in listed)
            if call.route.model is None and overlay == Overlay():
                return body
            entries = overlay.apply(listed)
        response.headers["content-type"] = "application/json"
        return to_json(pick_model(entries, call.route.model))

    def _set_fields(
        self, flow: http.HTTPFlow, call: Call, response: http.Response, drop: frozenset[bytes]
    ) -> None:
        """The client's fields; a body of unknown length is framed as the client can read it."""
        fields = answer_fields(response.headers.fields, cors=cors_fields(call.origin), drop=drop)
        response.headers = http.Headers(fields)
        known = "content-length" in response.headers or response.status_code in (204, 304)
        if response.stream and not known and flow.request.http_version == "HTTP/1.1":
            response.headers["transfer-encoding"] = "chunked"


def _is_short_json(response: http.Response, media: str) -> bool:
    length = response.headers.get("content-length", "")
    return media == "application/json" and length.isdigit() and int(length) <= SHORT
