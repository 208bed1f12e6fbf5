"""A recorded answer is played as it came: its bytes, its pauses, and where it broke off."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx2
import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.machine import Machine, app
from tests.e2e.programs import CLIENT_KEY, HELLO, Relay, wait_until
from tests.e2e.servers import Demo, read_request, stub

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 9\r\n\r\n"

PLAYS = {
    "/v1/whole": SIZED + b"123456789",
    "/v1/chunks": CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "/v1/cut-in-chunks": CHUNKED + b"3\r\nabc\r\n9\r\nde",
    "/v1/cut-in-length": SIZED + b"1234",
    "/v1/cut-at-once": CHUNKED,
    "/v1/nothing": b"HTTP/1.1 204 No Content\r\nx-request-id: 7\r\n\r\n",
    "/v1/empty": b"HTTP/1.1 200 Fine\r\ncontent-length: 0\r\nx-own: a\r\nset-cookie: a=b\r\n\r\n",
    "/v1/refused": b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nretry-after: 9\r\n\r\nno",
    "/v1/hung-up": b"",
}
"""What an upstream says to each path, before it hangs up."""

FAULTS = (
    *("", "status=429", "in200", "empty-406", "html-200", "redirect", "echo-key", "close"),
    *("cut=2", "cut-event=2", "error-event=2", "no-done", "empty-stream", "silence=2"),
    *(
        "gzip",
        "crlf",
        "comments",
        "eof",
        "bad-chunk",
        "json-for-stream",
        "reasoning",
        "size=300000",
    ),
)


class Heard(NamedTuple):
    """All that a client can tell of an answer."""

    status: int
    reason: str
    fields: dict[str, str]
    body: bytes
    broke: bool


def hear(client: httpx2.Client, method: str, path: str, *, fault: str = "", body: object) -> Heard:
    """Ask, and listen to the end, however it comes."""
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"} | ({"x-demo": fault} if fault else {})
    data, broke = b"", False
    with client.stream(method, path, json=body, headers=headers) as answer:
        try:
            for piece in answer.iter_raw():
                data += piece
        except httpx2.TransportError:
            broke = True
    fields = {name: value for name, value in answer.headers.items() if name != "date"}
    return Heard(answer.status_code, answer.reason_phrase, fields, data, broke)


def hear_all(client: httpx2.Client) -> Iterator[Heard]:
    """The models, and every fault, whole and streamed; the seed tells the requests apart."""
    for method in ("HEAD", "GET"):
        yield hear(client, method, "/models", body=None)
    for number, fault in enumerate(FAULTS):
        for stream in (False, True):
            body = HELLO | {"stream": stream, "seed": number}
            yield hear(client, "POST", "/chat/completions", fault=fault, body=body)


class Replay:
    """Relays that record into a file of the test's, and that replay it."""

    def __init__(self, start: StartRelay, path: Path) -> None:
        self.path = path
        self._start = start

    def recording(self, *options: str, base_url: str = "") -> Relay:
        """One in front of the demo upstream, or of another."""
        record = f"iflow_record={self.path}"
        if base_url:
            return self._start(record, *options, settings={"apiKey": "k" * 20, "baseUrl": base_url})
        return self._start(*LIKE_IFLOW, record, *options)

    def replaying(self, *options: str, arguments: Sequence[str] = ()) -> Relay:
        """One without credentials."""
        replay = f"iflow_replay={self.path}"
        return self._start(replay, *options, settings=None, arguments=arguments)


@pytest.fixture
def replay(start_relay: StartRelay, tmp_path: Path) -> Replay:
    """With a file of their own."""
    return Replay(start_relay, tmp_path / "flows")


def test_every_answer_is_heard_again(replay: Replay, demo: Demo) -> None:
    """Status, fields and bytes, errors and broken streams among them; nobody is asked."""
    relay = replay.recording("iflow_timeout=1")
    with relay.client() as client:
        told = list(hear_all(client))
    relay.stop()
    demo.clear()
    relay = replay.replaying("iflow_replay_speed=0")
    with relay.client() as client:
        again = list(hear_all(client))
    assert again == told
    assert demo.requests() == []
    assert {answer.status for answer in told} >= {200, 401, 406, 429, 502, 504}
    # No warning that there is no key, and no fault.
    relay.stop()
    assert "WARN" not in relay.log().upper(), relay.log()


def test_every_answer_is_heard_again_over_http2(replay: Replay) -> None:
    """By a client that believes to talk to OpenAI, through the proxy."""
    relay = replay.recording("iflow_timeout=1")
    with relay.intercepted() as client:
        told = list(hear_all(client))
    relay.stop()
    relay = replay.replaying("iflow_replay_speed=0")
    with relay.intercepted() as client:
        assert list(hear_all(client)) == told
        assert client.get("/models/none").json()["error"]["code"] == "not_recorded"
    with relay.client() as client:
        again = list(hear_all(client))
    assert [answer.body for answer in again] == [answer.body for answer in told]


def say(connection: socket.socket) -> None:
    """Answer one request as its path wants it."""
    head = read_request(connection).decode("latin-1")
    if head:
        connection.sendall(PLAYS[head.split()[1]])


def test_what_passes_as_it_is_is_heard_again(replay: Replay) -> None:
    """Where an answer broke off its client can see it; framing and fields are the same."""
    with stub(say) as server:
        relay = replay.recording(base_url=server.base_url)
        with relay.client() as client:
            told = [hear(client, "GET", path.removeprefix("/v1"), body=None) for path in PLAYS]
        relay.stop()
    relay = replay.replaying()
    with relay.client() as client:
        again = [hear(client, "GET", path.removeprefix("/v1"), body=None) for path in PLAYS]
    assert again == told
    heard = dict(zip(PLAYS, told, strict=True))
    assert heard["/v1/chunks"].body == b"abcde"
    broken = ["/v1/cut-in-chunks", "/v1/cut-in-length", "/v1/cut-at-once"]
    assert [path for path in PLAYS if heard[path].broke] == broken
    assert heard["/v1/cut-in-length"].body == b"1234"
    assert heard["/v1/nothing"].status == 204
    assert heard["/v1/empty"].fields["x-own"] == "a"
    assert "set-cookie" not in heard["/v1/empty"].fields


def test_pauses_are_those_of_the_recording(machine: Machine) -> None:
    """A quarter of them at four times the speed, none at 0."""
    path = str(machine.folder / "paced.mitm")
    recorded = machine.cli("record", path, "--demo", *app("gaps")).told
    played = {
        speed: machine.cli("replay", path, "--speed", speed, *app("gaps")).told
        for speed in ("1", "4", "0")
    }
    assert {len(moments) for moments in played.values()} == {len(recorded)}
    pace = {speed: usual_gap(moments) for speed, moments in played.items()}
    assert 0.6 < pace["1"] / usual_gap(recorded) < 1.6
    assert 0.1 < pace["4"] / pace["1"] < 0.5
    assert pace["0"] < pace["1"] / 10
    assert played["1"][0] > recorded[0] / 2  # the wait for the first piece as well
    assert played["0"][-1] < played["1"][-1] / 2


def usual_gap(moments: list[float]) -> float:
    """Seconds between one chunk and the next, whatever else the machine did now and then."""
    return median(after - before for before, after in pairwise(moments))


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_may_leave_in_the_middle(replay: Replay, stream: bool) -> None:
    """The rest is not played to nobody, and the next client is served."""
    relay = replay.recording()
    with relay.client() as client:
        fault = "ttft=0.2, pause=0.2, words=30" if stream else "delay=5"
        told = chat(client, fault, stream=stream)
        short = chat(client)
    relay.stop()
    relay = replay.replaying()
    with relay.client() as client:
        patience = httpx2.Timeout(20, read=0.5 if not stream else 20)
        request = client.build_request(
            "POST", "/chat/completions", json=HELLO | ({"stream": True} if stream else {}),
            timeout=patience,
        )  # fmt: skip
        leave(client, request, stream)
    wait_until(lambda: relay.log().count("client disconnect") >= 1, "the client's end")
    with relay.client() as client:
        if stream:
            assert chat(client).body == short.body
        else:
            assert chat(client).body == told.body == short.body


def leave(client: httpx2.Client, request: httpx2.Request, stream: bool) -> None:
    """Hear the beginning of an answer, or nothing for half a second."""
    if not stream:
        with pytest.raises(httpx2.ReadTimeout):
            client.send(request)
        return
    answer = client.send(request, stream=True)
    assert next(answer.iter_raw()).startswith(b"data: {")
    answer.close()


def test_an_answer_is_played_to_many_at_once(replay: Replay) -> None:
    """Each waits for its own pieces; on one HTTP/2 connection, too."""
    relay = replay.recording()
    with relay.client() as client:
        told = chat(client, "pause=0.1, words=10", stream=True)
    relay.stop()
    relay = replay.replaying()
    with relay.intercepted() as client:
        requests = [
            client.build_request("POST", "/chat/completions", json=HELLO | {"stream": True})
            for _ in range(8)
        ]
        open_ = [client.send(request, stream=True) for request in requests]
        assert [answer.read() for answer in open_] == [told.body] * 8


def test_a_replayed_call_says_so(replay: Replay, tmp_path: Path) -> None:
    """Its comment and figures are those of the recorded one; what reports can leave it out."""
    relay = replay.recording()
    with relay.client() as client:
        chat(client, stream=True, model="kimi-k2-0905")
        chat(client, "cut=2", stream=True)
    relay.stop()
    saved = tmp_path / "again"
    relay = replay.replaying(f"save_stream_file={saved}")
    with relay.client() as client:
        chat(client, stream=True, model="kimi-k2-0905")
        chat(client, stream=True)
    relay.stop()
    before, after = (
        [dict(flow.metadata) for flow in read_chats(path)] for path in (replay.path, saved)
    )
    for old, new in zip(before, after, strict=True):
        assert new.pop("iflow.replayed") == "1"
        # Its times are its own, and the line that tells them.
        names = ("iflow.pacing", "iflow.duration", "iflow.ttft", "iflow.line", "iflow.client")
        for name in names:
            old.pop(name, None)
            new.pop(name, None)
        assert new == old


def read_chats(path: Path) -> list[http.HTTPFlow]:
    """The chats in a flow file."""
    with path.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
    return [flow for flow in flows if flow.metadata.get("iflow.route") == "chat"]


def test_a_flow_that_mitmproxy_sends_again_is_answered_too(replay: Replay, tmp_path: Path) -> None:
    """Its own layer gets the answer whole, and goes to nobody for it."""
    relay = replay.recording()
    with relay.client() as client:
        told = chat(client, stream=True)
    relay.stop()
    saved = tmp_path / "again"
    relay = replay.replaying(f"save_stream_file={saved}", arguments=["-C", str(replay.path)])
    relay.process.wait(20)  # mitmdump ends with what it has to send again
    (flow,) = read_chats(saved)
    assert flow.response
    assert flow.response.raw_content == told.body
    assert flow.metadata["iflow.replayed"] == "1"


def test_a_relay_does_not_record_what_it_replays(machine: Machine) -> None:
    """Both at once are refused, and the file stays."""
    path = machine.folder / "session.mitm"
    path.write_bytes(b"")
    both = ("--set", f"iflow_record={path}", "--", "true")
    ran = machine.cli("replay", str(path), *both)
    assert ran.code == 125
    assert "iflow_record: a relay that replays has nothing to record" in ran.err
    assert "Traceback" not in ran.err
    assert path.read_bytes() == b""


def test_a_torn_recording_is_said_at_the_start(replay: Replay) -> None:
    """With the number of calls that are left."""
    relay = replay.recording()
    with relay.client() as client:
        chat(client)
        chat(client, stream=True)
    relay.stop()
    replay.path.write_bytes(replay.path.read_bytes()[:-9])
    relay = replay.replaying()
    relay.wait_for("ends in the middle of a call; the 1 before it are used")
    with relay.client() as client:
        assert chat(client).status == 200
        assert json.loads(chat(client, stream=True).body)["error"]["code"] == "not_recorded"


def test_what_runs_is_found_by_what_was_asked_for(replay: Replay) -> None:
    """A relay that replays maps no model, and needs none of the rules that the other had."""
    relay = replay.recording("iflow_model_map=gpt-*=kimi-k2-0905")
    with relay.client() as client:
        told = chat(client, model="gpt-4o")
    relay.stop()
    relay = replay.replaying()
    with relay.client() as client:
        assert chat(client, model="gpt-4o").body == told.body
        assert chat(client, model="kimi-k2-0905").error["code"] == "not_recorded"
