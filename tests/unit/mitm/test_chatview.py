"""The view `LLM chat`: which bodies it is chosen for, and that it shows any."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import contentviews, http
from mitmproxy.contentviews import Metadata
from mitmproxy.test import tflow

from iflow_relay.mitm.call import PACING
from iflow_relay.mitm.chatview import ChatView
from iflow_relay.mitm.turns import KNOWN, RelayTurns

CASES = Path(__file__).parents[2] / "cases" / "transcript"
BODIES = sorted(path for path in CASES.iterdir() if path.suffix in (".json", ".sse"))
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}


def make_flow(
    path: str, asked: bytes = b"", told: bytes = b"", method: str = "POST"
) -> http.HTTPFlow:
    """A flow with an answer."""
    flow: http.HTTPFlow = tflow.tflow(resp=True)
    flow.request = http.Request.make(method, f"https://example.com{path}", asked)
    flow.response = http.Response.make(200, told)
    return flow


def about(flow: http.HTTPFlow, *, request: bool) -> Metadata:
    """What mitmproxy tells a view."""
    return Metadata(flow=flow, http_message=flow.request if request else flow.response)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
@pytest.mark.parametrize("known_path", [True, False])
def test_it_is_chosen_for_conversations(path: Path, known_path: bool) -> None:
    """By the path; by the body's shape elsewhere, where an error alone may be anybody's."""
    body, request = path.read_bytes(), ".request." in path.name
    where = PATHS[path.name.partition("-")[0]] if known_path else "/gateway"
    flow = make_flow(where, body, body)
    priority = ChatView().render_priority(body, about(flow, request=request))
    anybodys = path.name in ("chat-error.answer.json", "messages-error.answer.json")
    assert (priority > 2) is (known_path or not anybodys)


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n',
        b'{"choices": [ {"message": {"content": "hi"}}]}',
        b'\xef\xbb\xbfdata:{"id":"c","object":"chat.completion.chunk","choices":[]}\n\n',
        b'event: message_start\ndata: {"type": "message_start"}\n\n',
        b'data: {"type":"response.created"}\n\n',
    ],
)
def test_sparing_answers_are_known_too(body: bytes) -> None:
    """Upstreams leave out what no client reads."""
    flow = make_flow("/gateway", told=body)
    assert ChatView().render_priority(body, about(flow, request=False)) > 2


@pytest.mark.parametrize(
    ("path", "request_body", "answer_body"),
    [
        ("/channels/1/messages", b'{"content": "hi", "tts": false}', b'{"id": "1", "type": 0}'),
        ("/v1/embeddings", b'{"model": "m", "input": ["a", "b"]}', b'{"object": "list"}'),
        ("/v1/models", b"", b'{"object": "list", "data": []}'),
        ("/survey", b'{"choices": ["a"]}', b'{"choices": [{"label": "a"}]}'),
        ("/v1/chat/completions", b"", b"<html></html>"),
        ("/", b" " * 100_000, b"\xff\xfe"),
    ],
)
def test_it_leaves_others_to_others(path: str, request_body: bytes, answer_body: bytes) -> None:
    """A mailbox, embeddings, lists, forms, pages and bytes are no conversations."""
    flow = make_flow(path, request_body, answer_body)
    view = ChatView()
    assert view.render_priority(request_body, about(flow, request=True)) < 0
    assert view.render_priority(answer_body, about(flow, request=False)) < 0


@settings(deadline=None)
@given(st.binary(), st.sampled_from([*PATHS.values(), "/x"]), st.booleans())
def test_it_shows_any_bytes(body: bytes, path: str, request: bool) -> None:
    """Chosen by hand it may get anything, also without a flow."""
    view, flow = ChatView(), make_flow(path, body, body)
    for metadata in (about(flow, request=request), Metadata()):
        view.render_priority(body, metadata)
        assert view.prettify(body, metadata).endswith("\n")


def test_mitmproxy_takes_it_as_a_view() -> None:
    """It is one by mitmproxy's own check, and has the name that people look for."""
    view = ChatView()
    assert isinstance(view, contentviews.Contentview)
    assert view.name == "LLM chat"
    assert view.syntax_highlight == "none"


def test_a_growing_history_is_noted() -> None:
    """The number of known messages goes into the flow's metadata, and into what is shown."""
    turns = RelayTurns()
    turns.begin()
    flows = []
    for length in (1, 3):
        said = ",".join(f'{{"role":"user","content":"turn {n}"}}' for n in range(length))
        flow = make_flow(PATHS["chat"], f'{{"model":"m","messages":[{said}]}}'.encode())
        turns.response(flow)
        flows.append(flow)
    assert [flow.metadata[KNOWN] for flow in flows] == [0, 1]
    shown = ChatView().prettify(flows[1].request.content or b"", about(flows[1], request=True))
    assert "… 1 earlier message as before …\n  user: turn 0\n" in shown


def test_a_request_is_noted_when_it_is_looked_at() -> None:
    """Its answer may still be on its way; once that has come, nothing changes."""
    turns = RelayTurns()
    turns.begin()
    view = ChatView(turns.note)
    said = b'{"role":"user","content":"hi"}'
    first = make_flow(PATHS["chat"], b'{"messages":[%s]}' % said)
    second = make_flow(PATHS["chat"], b'{"messages":[%s,%s]}' % (said, said))
    turns.response(first)
    second.response = None
    shown = view.prettify(second.request.content or b"", about(second, request=True))
    assert "… 1 earlier message as before …" in shown
    turns.response(second)
    assert view.prettify(second.request.content or b"", about(second, request=True)) == shown


def test_a_request_whose_body_has_not_come_is_not_noted() -> None:
    """It is once it has."""
    turns, flow = RelayTurns(), make_flow(PATHS["chat"])
    turns.begin()
    turns.note(flow)
    assert KNOWN not in flow.metadata


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/models", b"{}"), (PATHS["chat"], b'{"messages": [' + b" " * (2 << 20))],
)
def test_other_requests_are_not_read(path: str, body: bytes) -> None:
    """No conversations, and none so long that reading them would hold up others."""
    turns = RelayTurns()
    turns.begin()
    flow = make_flow(path, body)
    turns.error(flow)
    assert KNOWN not in flow.metadata


def test_nothing_is_noted_where_no_flow_is_shown() -> None:
    """In mitmdump the addon has nothing to do."""
    turns, flow = RelayTurns(), make_flow(PATHS["chat"], b'{"messages": []}')
    turns.response(flow)
    assert KNOWN not in flow.metadata


def test_when_an_answer_came_stands_below_its_events() -> None:
    """Counted from the request's last byte."""
    body = b"data: [DONE]\n\n"
    flow = make_flow(PATHS["chat"], told=body)
    assert flow.response
    flow.request.timestamp_end = 100.0
    flow.response.timestamp_start, flow.response.timestamp_end = 100.42, 103.0
    metadata, view = about(flow, request=False), ChatView()
    assert "its head came after 0.42 s, its end after 3.00 s" in view.prettify(body, metadata)
    flow.response.timestamp_end = None
    assert "after 0.42 s; no end has come yet" in view.prettify(body, metadata)


@pytest.mark.parametrize(
    ("pacing", "shown"),
    [
        ("412.0+14", "[DONE]       1       1       1          12    0.412    0.412        -"),
        ("412.0+13", "[DONE]       1       1       1          12\n"),
        ("nan+14", "[DONE]       1       1       1          12\n"),
        (7, "[DONE]       1       1       1          12\n"),
    ],
)
def test_when_the_events_came_stands_in_their_table(pacing: object, shown: str) -> None:
    """From the flow's metadata, where it fits the body; anything may stand there."""
    body = b"data: [DONE]\n\n"
    flow = make_flow(PATHS["chat"], told=body)
    flow.metadata[PACING] = pacing
    assert shown in ChatView().prettify(body, about(flow, request=False))
