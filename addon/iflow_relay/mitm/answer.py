"""Reads what the upstream answers and makes it what the client expects, or an honest error."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from mitmproxy import http

from ..catalog import NO_LIST, Overlay, named_model
from ..dialects.chat import read_completion
from ..dialects.chat_stream import ChatStream
from ..errors import CredentialRenewed, RelayError, UpstreamRefused
from ..headers import Fields, answer_fields, by_name, cors_fields
from ..inflate import Inflating
from ..jsontext import to_json
from ..refusal import read_failure, read_list, read_redirect, read_short
from ..routing import Kind
from ..tokens import Held
from .call import Call
from .copies import headers_of
from .edge import HasRelay, closed, refuse
from .route import pick_model

SHORT = 4096
"""Bytes of a pass-through answer that may be an error inside a 200; longer ones stream through."""

KEY_REFUSED = (401, 439)
"""Statuses by which an upstream refuses a key; 439 is iFlow's for one that has ended."""

EVENT_STREAM = ((b"Content-Type", b"text/event-stream; charset=utf-8"),)
CHUNKED = (b"Transfer-Encoding", b"chunked")

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
        said = by_name(response.headers.fields)
        media = said.get("content-type", "").partition(";")[0].strip().lower()
        if call.route.kind is Kind.CHAT and (call.stream or media == "text/event-stream"):
            self._install_reader(flow, call, response, said.get("content-encoding", ""))
        elif call.route.kind is Kind.FORWARD and not _is_short_json(
            media, said.get("content-length", "")
        ):
            response.stream = True
            self._set_fields(flow, call, response, frozenset())
        if call.own is not None and response.timestamp_start:
            call.own += max(0.0, time.time() - response.timestamp_start)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        call = self.relay.calls.get(flow)
        if call is None:
            return None
        upstream, refusal = call.upstream, call.reader.refusal if call.reader else None
        try:
            if flow.response and upstream and not flow.response.stream and not flow.is_replay:
                self._read_whole(flow, call, flow.response)
        except Exception as error:
            refusal = error if isinstance(error, RelayError) else None
            refuse(self.relay, flow, error)
        held = upstream.held if upstream else None
        if held and isinstance(refusal, UpstreamRefused) and refusal.status in KEY_REFUSED:
            return self._renew(flow, held)
        self.relay.end(flow)
        return None

    async def _renew(self, flow: http.HTTPFlow, held: Held) -> None:
        """The upstream has refused a key that can be renewed: say when to come again.

        The request itself is not sent again: only its client knows whether that does harm.
        """
        try:
            if await self.relay.renewal.after_refusal(held):
                raise CredentialRenewed("The key was renewed just now: send the request again.")
        except Exception as error:
            refuse(self.relay, flow, error)
        finally:
            self.relay.end(flow)

    @closed
    def error(self, flow: http.HTTPFlow, call: Call) -> None:
        if flow.is_replay:
            self.relay.mask(flow, call)
        self.relay.end(flow)

    def _install_reader(
        self, flow: http.HTTPFlow, call: Call, response: http.Response, coding: str
    ) -> None:
        reader = call.reader = ChatStream(
            self.relay.config.normalise,
            now=time.monotonic,
            redact=call.redact,
            report=self.relay.reported(call),
        )
        if response.status_code in (204, 205):
            # A stream was due: that it holds nothing is told as its one event, which needs a body.
            response.status_code, response.reason = 200, "OK"
        coding = coding.strip().lower() or "identity"
        response.stream = reader if coding == "identity" else Inflating(reader, coding)  # type: ignore[assignment]
        self._set_fields(flow, call, response, _REWRITTEN | {b"content-type"}, EVENT_STREAM)

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
            completion = read_completion(
                body, self.relay.config.normalise, report=self.relay.reported(call)
            )
            call.usage, call.finish, call.tools = completion[1:]
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
            if call.upstream:
                ids = (str(entry.get("id")) for entry in listed)
                self.relay.library.learn(call.upstream.base_url, ids)
            named = call.foreign_host and self.relay.config.model_map
            if call.route.model is None and overlay == Overlay() and not named:
                return body
            entries = overlay.apply(listed)
        entries = self.relay.with_names(entries, call)
        response.headers["content-type"] = "application/json"
        return to_json(pick_model(entries, call.route.model))

    def _set_fields(
        self,
        flow: http.HTTPFlow,
        call: Call,
        response: http.Response,
        drop: frozenset[bytes],
        ours: Fields = (),
    ) -> None:
        """The client's fields; a body of unknown length is framed as the client can read it."""
        fields = answer_fields(response.headers.fields, cors=cors_fields(call.origin), drop=drop)
        if response.stream and flow.request.data.http_version == b"HTTP/1.1":
            known = any(name.lower() == b"content-length" for name, _ in fields)
            if not known and response.status_code not in (204, 304):
                ours = (*ours, CHUNKED)
        response.headers = headers_of((*ours, *fields))


def _is_short_json(media: str, length: str) -> bool:
    return media == "application/json" and length.isdigit() and int(length) <= SHORT
