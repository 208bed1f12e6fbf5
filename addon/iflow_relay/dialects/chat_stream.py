"""A chat stream on its way through: whole events go on as the bytes they came in.

Rules of this room:
1. Nothing is returned before the first event is known, so that an answer that turns out to be an
   error can still get its true status (`refusal`).
2. Once the first token was seen, an event that needs nothing is told from one that does by plain
   searches. A key with its quotes and colon cannot stand inside a JSON string (its quotes
   would be escaped there), so a match is a key. Each event is judged alone: how the network cut the
   stream changes nothing.
3. An error ends the stream: its event is the last, and no `[DONE]` follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .. import sse
from ..errors import EmptyResponse, RelayError, UpstreamBroken, UpstreamInvalid, render_error
from ..refusal import read_page, read_refusal
from .chat import (
    NO_CHOICES,
    RULES,
    Usage,
    choices_of,
    finish_of,
    fix_finish_reason,
    index_of,
    places_of,
    read_usage,
    rename_model,
)

_CHOICE = re.compile(rb'"choices": ?\[\{"index": ?(\d{1,4})\b')
_UNSPACED = re.compile(rb"((?:^|(?<=[\r\n]))data:)(?=[^ \r\n])")

MAX_DOCUMENT = 1 << 20
"""Bytes of a body that is no stream that are kept: it is an error, or it is of no use."""

MAX_BLANKS = 1 << 16
"""Bytes of blanks before the first letter that are held back to see what the letter is."""

_EMPTY = (
    "The upstream ended the stream without a single event. That is often a conversation that is "
    "too long for the model: shorten it, or start a new one."
)


class ChatStream:
    """Reads an upstream's chat stream and says, chunk by chunk, what the client gets.

    `now` gives seconds on a steady clock, `redact` takes keys out of a message. To have each event
    name another model (`report`) each has to be read.
    """

    def __init__(
        self,
        rules: frozenset[str] = frozenset(RULES),
        *,
        now: Callable[[], float],
        redact: Callable[[str], str] = str,
        report: str | None = None,
    ) -> None:
        self._rules = rules
        self._now = now
        self._redact = redact
        self._report = report
        self._splitter = sse.Splitter()
        self._head: bytearray | None = bytearray()
        self._document: bytearray | None = None
        self._events = 0
        self._answered = False
        self._called: set[int] = set()
        self._returned = False
        self.usage = Usage()
        self.reason = ""
        self.tools: set[tuple[int, int]] = set()
        self.refusal: RelayError | None = None
        self.failure: RelayError | None = None
        self.ended = False
        self.first_token_at: float | None = None

    def feed(self, data: bytes) -> bytes:
        """What goes to the client, now that these bytes came; nothing once `ended`."""
        if self.ended:
            return b""
        if self._head is not None:
            data = self._open(self._head, data)
        if self._document is not None:
            return self._collect(self._document, data)
        try:
            block = self._splitter.feed(data)
        except sse.TooLong as error:
            return self.fail(UpstreamInvalid(f"The upstream's stream holds {error}."))
        if not block:
            return b""
        return b"".join([self._give(self._pass(event)) for event in sse.split_events(block)])

    def finish(self, *, delimited: bool = True) -> bytes:
        """What goes to the client when the upstream has ended the stream.

        `delimited` is False where only the end of the connection ended it, so that a stream that
        was cut off looks the same as one that is complete.
        """
        if self.ended:
            return b""
        if self._document is not None:
            return self.fail(_judge(bytes(self._document)))
        whole, rest = sse.cut_unfinished(self._splitter.finish())
        out = b"".join([self._give(self._pass(event)) for event in sse.split_events(whole)])
        out += self._give(self._read_rest(rest))
        if self.ended:
            return out
        if nothing := self._nothing():
            return out + self.fail(nothing)
        if not (delimited or self.reason):
            return out + self.fail(UpstreamBroken("The upstream's stream was cut off."))
        self.ended = True
        return out + (sse.DONE if "done" in self._rules else b"")

    def fail(self, error: RelayError) -> bytes:
        """End the stream with this error: as `refusal` where the client has got nothing yet."""
        self.ended = True
        self.failure = error.redact(self._redact)
        if not self._returned and not isinstance(error, EmptyResponse):
            self.refusal = error
            return b""
        self._returned = True
        return sse.render_event(render_error(error))

    def _give(self, out: bytes) -> bytes:
        """Note that the client gets something: from now on an error can only be an event."""
        self._returned = self._returned or bool(out)
        return out

    def _open(self, head: bytearray, data: bytes) -> bytes:
        """Tell by its first letter whether the body is an event stream or one document."""
        head += data
        text = bytes(head)
        if sse.BOM.startswith(text):
            return b""
        text = text.removeprefix(sse.BOM)
        letters = text[:MAX_BLANKS].lstrip()
        if not letters and len(text) < MAX_BLANKS:
            return b""
        self._head = None
        if letters[:1] in (b"{", b"[", b"<"):
            self._document = bytearray()
        return text

    def _collect(self, document: bytearray, data: bytes) -> bytes:
        document += data[: MAX_DOCUMENT - len(document)]
        return self.fail(_judge(bytes(document))) if len(document) >= MAX_DOCUMENT else b""

    def _pass(self, event: bytes) -> bytes:
        """One event on its way: the hot path is a plain one, forwarded without reading its JSON."""
        if self._report or self.first_token_at is None or self.ended or not self._is_plain(event):
            return self._read(event)
        if event.startswith(b"data:{") and "sse-space" in self._rules:
            return b"data: " + event[5:]
        return event

    def _is_plain(self, event: bytes) -> bool:
        """Whether nothing in the event needs a look."""
        return (
            b'"choices":' in event
            and event.startswith((b"data: {", b"data:{"))
            and event.endswith((b"}\n\n", b"}\r\n\r\n"))
            and b'"error"' not in event
            and _is_null(event, b'"finish_reason"')
            and _is_null(event, b'"usage"')
            and (b'"tool_calls"' not in event or self._is_known_call(event))
            and b"\ndata:" not in event
            and b"\rdata:" not in event
        )

    def _is_known_call(self, event: bytes) -> bool:
        """Whether the event goes on with the tool calls of a choice that has made some."""
        choice = _CHOICE.search(event)
        known = choice is not None and int(choice[1]) in self._called
        return known and event.count(b'"delta"') == 1 and _is_null(event, b'"name"')

    def _read_rest(self, rest: bytes) -> bytes:
        """An event without its blank line: whole if it reads, else the stream broke inside it."""
        data = sse.event_data(rest)
        if data is None:
            return b""
        try:
            if data.strip() != b"[DONE]":
                json.loads(data)
        except (ValueError, RecursionError):
            return self.fail(UpstreamBroken("The upstream's stream was cut off inside an event."))
        return self._read(rest.rstrip(b"\r\n") + b"\n\n")

    def _read(self, event: bytes) -> bytes:
        """One event, looked at closely."""
        if self.ended:
            return b""
        data = sse.event_data(event)
        if data is None:
            return event
        if data.strip() == b"[DONE]":
            return self._read_done(event, data)
        if not data.strip():
            return b"" if "content" in self._rules else event
        try:
            return self._read_chunk(event, json.loads(data))
        except (ValueError, RecursionError):
            return self.fail(UpstreamInvalid("The upstream sent an event that is no JSON."))

    def _read_done(self, event: bytes, data: bytes) -> bytes:
        if nothing := self._nothing():
            return self.fail(nothing)
        self.ended = True
        # Clients look for this very word; with blanks around it they would read it as JSON.
        return self._space(event) if data == b"[DONE]" else _line_breaks(event) + sse.DONE

    def _nothing(self) -> EmptyResponse | None:
        """The error that a stream is which held no event, or no choice in any."""
        if not self._events:
            return EmptyResponse(_EMPTY)
        if "content" in self._rules and not self._answered:
            return EmptyResponse(NO_CHOICES)
        return None

    def _read_chunk(self, event: bytes, document: Any) -> bytes:
        self._events += 1
        if "error-in-200" in self._rules and (error := read_refusal(document)):
            return self.fail(error)
        if not isinstance(document, dict):
            return self.fail(UpstreamInvalid("The upstream sent an event that is no object."))
        if "usage" in self._rules and any(usage := read_usage(document)):
            self.usage = usage
        changed = False
        if "choices" not in document and "content" in self._rules:
            if not document.get("usage"):
                return self.fail(UpstreamInvalid("The upstream sent an event without choices."))
            # A last word on usage that leaves choices out trips clients that index them.
            document["choices"] = []
            changed = True
        for choice in choices_of(document):
            self._answered = True
            self._watch(choice)
        if "finish-reason" in self._rules:
            changed = fix_finish_reason(document, frozenset(self._called)) or changed
        changed = rename_model(document, self._report) or changed
        if changed:
            return _line_breaks(event) + sse.render_event(document)
        return self._space(event)

    def _watch(self, choice: dict[str, Any]) -> None:
        """Note what later events are judged by: a first token, tool calls, a finish."""
        delta = choice.get("delta")
        if isinstance(delta, dict):
            if delta.get("tool_calls"):
                self._called.add(index_of(choice))
                self.tools |= places_of(choice)
            if self.first_token_at is None and any(
                delta.get(k) for k in ("content", "reasoning_content", "reasoning", "tool_calls")
            ):
                self.first_token_at = self._now()
        self.reason = self.reason or finish_of(choice)

    def _space(self, event: bytes) -> bytes:
        """Rule `sse-space` for one event, whatever its lines look like."""
        if "sse-space" not in self._rules:
            return event
        if event.count(b"data:") == 1 and event.startswith(b"data:"):
            return event if event[5:6] in b" \r\n" else b"data: " + event[5:]
        return _UNSPACED.sub(rb"\1 ", event)


def _is_null(event: bytes, key: bytes) -> bool:
    """Whether a key stands in the event only as null, if at all."""
    seen = event.count(key)
    return not seen or seen == event.count(key + b":null") + event.count(key + b": null")


def _judge(body: bytes) -> RelayError:
    """The error that a body is which is one document where a stream was due."""
    if len(body) >= MAX_DOCUMENT:
        return UpstreamInvalid("A stream was asked for, but one document came.")
    try:
        refusal = read_refusal(json.loads(body))
    except (ValueError, RecursionError):
        return read_page(body)
    return refusal or UpstreamInvalid(
        "A stream was asked for, but the upstream answered with one document: it may not "
        "stream this model. Ask without stream."
    )


def _line_breaks(event: bytes) -> bytes:
    """The line breaks before an event's first line: they were the client's to get."""
    return event[: len(event) - len(event.lstrip(b"\r\n"))]
