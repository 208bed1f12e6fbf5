"""The content view `LLM chat`: shows a conversation instead of its JSON and its events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from ..pacing import Piece, parse_pacing
from ..transcript.reading import dialect_of, read_answer, read_request
from ..transcript.rendering import render_answer, render_request
from ..transcript.values import Dialect
from .call import PACING
from .turns import KNOWN

PRIORITY = 10.0
"""Above mitmproxy's own views, whose highest is 2, where a body is a conversation."""

HEAD = 1 << 16
"""Bytes at a body's front that are searched for a conversation's marks."""

_BODIES: Final = re.compile(rb"\s*+(?:\xef\xbb\xbf)?(?:[{\[]|(?:data|event|id|retry)?:)")
_BLANK: Final = re.compile(r"^\n", re.MULTILINE)
_ASKS: Final = re.compile(
    rb'"(?:messages|input)"\s*+:\s*+\[\s*+\{\s*+"(?:role|content|type|tool_call_id|id)"\s*+:'
)
_TELLS: Final = re.compile(
    rb'"object"\s*+:\s*+"(?:chat\.completion(?:\.chunk)?|response)"'
    rb'|"choices"\s*+:\s*+\[\s*+\{[^{}]*?"(?:delta|message)"\s*+:'
    rb'|"type"\s*+:\s*+"(?:message_start|response\.created|message)"'
)
_MAY_ASK: Final = re.compile(rb'"(?:messages|input|model)"\s*+:')
_MAY_TELL: Final = re.compile(rb'^(?:data|event):|"error"\s*+:|' + _TELLS.pattern, re.MULTILINE)
"""What is enough where the path is one that others use, too: /messages is also a mailbox."""


class ChatView(Contentview):
    """Requests and answers of chat completions, Responses and Messages, of any host.

    `note` is asked to note what a request goes on from before that request is shown.
    """

    def __init__(self, note: Callable[[http.HTTPFlow], None] = lambda flow: None) -> None:
        self._note = note

    @property
    def name(self) -> str:
        return "LLM chat"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        # mitmweb gives a line without a letter no height.
        return _BLANK.sub(" \n", self._render(data, metadata))

    def _render(self, data: bytes, metadata: Metadata) -> str:
        flow = metadata.flow if isinstance(metadata.flow, http.HTTPFlow) else None
        path = flow.request.path if flow else ""
        if _is_request(data, metadata):
            if flow:
                self._note(flow)
            return render_request(read_request(data, dialect_of(path)), _known(flow))
        status = flow.response.status_code if flow and flow.response else 200
        told = read_answer(data, dialect_of(path), status, _pieces(flow))
        return render_answer(told, _times(flow))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        head = data[:HEAD]
        if metadata.http_message is None or not _BODIES.match(head):
            return -1
        dialect = _dialect(metadata)
        known = dialect is not Dialect.UNKNOWN
        if isinstance(metadata.http_message, http.Request):
            marks = _MAY_ASK if known else _ASKS
        else:
            marks = _MAY_TELL if known else _TELLS
        return PRIORITY if dialect is Dialect.CHAT or marks.search(head) else -1


def _dialect(metadata: Metadata) -> Dialect:
    """The dialect that the path speaks, where something was posted to it."""
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow) or flow.request.method != "POST":
        return Dialect.UNKNOWN
    return dialect_of(flow.request.path)


def _is_request(data: bytes, metadata: Metadata) -> bool:
    """Whether it is a request; by its looks where nothing else says so."""
    if metadata.http_message is not None:
        return isinstance(metadata.http_message, http.Request)
    return _ASKS.search(data[:HEAD]) is not None


def _known(flow: http.HTTPFlow | None) -> int:
    known = flow.metadata.get(KNOWN, 0) if flow else 0
    return known if isinstance(known, int) else 0


def _pieces(flow: http.HTTPFlow | None) -> tuple[Piece, ...]:
    """When the answer's bytes went out, where that was noted."""
    return parse_pacing(str(flow.metadata.get(PACING, ""))) if flow else ()


def _times(flow: http.HTTPFlow | None) -> str:
    """When the answer began and ended, counted from the request's last byte."""
    if not (flow and flow.response and flow.request.timestamp_end):
        return ""
    asked, told = flow.request.timestamp_end, flow.response
    first = f"its head came after {told.timestamp_start - asked:.2f} s"
    if told.timestamp_end is None:
        return f"{first}; no end has come yet"
    return f"{first}, its end after {told.timestamp_end - asked:.2f} s"
