"""A flow file is read as a recording, wherever it came from."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.io import FlowWriter, tnetstring
from mitmproxy.test import tflow, tutils

from iflow_relay.mitm.recorded import Recorded, read_call, read_calls, read_tape
from iflow_relay.pacing import Piece
from iflow_relay.recording.asked import read_asked
from iflow_relay.routing import route

CHAT = "/v1/chat/completions"


def flow(text: str, answer: bytes = b"{}", *, path: str = CHAT, at: float = 100) -> http.HTTPFlow:
    """A chat that was asked at some time, and answered two seconds later."""
    body = f'{{"model": "ran", "messages": [{{"content": "{text}"}}]}}'.encode()
    made = tflow.tflow(
        req=tutils.treq(
            method=b"POST", content=body, timestamp_start=at - 1, timestamp_end=at, path=b"/base"
        ),
        resp=tutils.tresp(content=answer, timestamp_start=at + 1, timestamp_end=at + 2),
    )
    made.metadata |= {"iflow.path": path, "iflow.route": "chat", "iflow.model.asked": "asked"}
    return made


def write(path: Path, *flows: Flow) -> Path:
    """A file of these flows."""
    data = BytesIO()
    for one in flows:
        FlowWriter(data).add(one)
    path.write_bytes(data.getvalue())
    return path


def recorded(made: http.HTTPFlow) -> Recorded:
    """The answer of a call that has one."""
    call = read_call(made)
    assert call
    return call[1]


def test_a_call_is_what_was_asked_for_and_what_the_client_got() -> None:
    """By the path and the model that the client named."""
    call = read_call(flow("hello", b"answer"))
    assert call
    asked, answer = call
    body = b'{"messages": [{"content": "hello"}], "model": "asked"}'
    assert asked.key == read_asked("POST", route("POST", CHAT), "", body).key
    assert (answer.status, answer.body, answer.broke) == (200, b"answer", False)
    assert answer.pieces == (Piece(2.0, 6),)


def test_calls_come_in_the_order_of_their_requests(tmp_path: Path) -> None:
    """Though one that began later ended, and was written, first."""
    path = write(tmp_path / "f", flow("x", b"2", at=20), flow("x", b"1", at=10))
    tape = read_tape(path)
    call = read_call(flow("x"))
    assert call
    answers = [tape.take(call[0]) for _ in range(2)]
    assert [answer and answer.body for answer in answers] == [b"1", b"2"]


def test_flows_of_others_are_left_out(tmp_path: Path) -> None:
    """A file that mitmweb has saved holds other things as well."""
    other = tflow.tflow(resp=True)
    flows: list[Flow] = [
        other,
        tflow.ttcpflow(),
        tflow.tdnsflow(),
        flow("x", path="/health"),
        flow("x"),
    ]
    flows.append(flow("x", path="/../x"))
    path = write(tmp_path / "f", *flows)
    assert len(read_calls(path)) == 3
    assert read_tape(path).size == 1


@pytest.mark.parametrize(
    ("body", "broke"),
    [(b"data: {}\n\n", True), (b"data: {}\n\ndata: [DONE]\n\n", False), (b"", True)],
)
def test_a_stream_without_an_end_broke_off(body: bytes, broke: bool) -> None:
    """But not where all was said, and the client hung up at that."""
    made = flow("x", body)
    assert made.response
    made.response.timestamp_end = None
    made.metadata["iflow.pacing"] = "100.0+4 50.0+6"
    answer = recorded(made)
    assert answer.broke == broke
    assert answer.pieces == (Piece(0.1, 4), Piece(0.05, 6))


def test_a_call_that_was_never_answered_is_left_out() -> None:
    """Its client left before there was anything to play."""
    made = flow("x")
    assert made.response
    made.response.timestamp_end = None
    assert read_call(made) is None
    made.response = None
    assert read_call(made) is None


def test_a_call_whose_body_was_not_kept_is_left_out() -> None:
    """An empty body is another thing."""
    made = flow("x", b"")
    assert recorded(made).body == b""
    assert made.response
    made.response.raw_content = None
    assert read_call(made) is None
    asked = flow("x")
    asked.request.raw_content = None
    assert read_call(asked) is None


def test_a_file_may_be_torn_at_any_byte(tmp_path: Path) -> None:
    """What is whole is used; a file without one whole call is none, but for an empty one."""
    path = write(tmp_path / "f", flow("x"))
    first = len(path.read_bytes())
    data = write(path, flow("x"), flow("y")).read_bytes()
    assert len(read_calls(path)) == 2
    for end in {first, first + 1, first + 2, *range(first + 3, len(data), 97), len(data) - 1}:
        path.write_bytes(data[:end])
        assert len(read_calls(path)) == 1
    for end in {1, *range(2, first, 97), first - 1}:
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match="is no recording"):
            read_calls(path)
    path.write_bytes(b"")
    assert read_calls(path) == []


def test_a_file_of_a_newer_mitmproxy_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    """What to do is another thing."""
    path = tmp_path / "f"
    path.write_bytes(tnetstring.dumps(flow("x").get_state() | {"version": 999}))
    with pytest.raises(ValueError, match=r"is no recording: .* version 999, please update"):
        read_calls(path)
