"""The fault table: what is parsed, and what each entry does on the socket."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.demo.client import (
    IMPATIENCE,
    PATIENCE,
    QUESTION,
    Client,
    Seen,
    ask,
    ask_chat,
    eventually,
    on_server,
    request,
)

from iflow_relay.demo import KEY, DemoServer
from iflow_relay.demo.faults import FAULTS, Faults, parse_faults, render_table

HEAD = '{"id":"ID","object":"chat.completion.chunk","created":1769990400,"model":"qwen3-coder-plus"'
USAGE = '{"prompt_tokens":6,"completion_tokens":4,"total_tokens":10}'


def chunk(delta: str, finish: str = "null", more: str = "") -> bytes:
    choice = f'{{"index":0,"delta":{delta},"finish_reason":{finish}}}'
    return f'data:{HEAD},"choices":[{choice}]{more}}}\n\n'.encode()


ROLE = chunk('{"role":"assistant","content":""}')
YOU, SAID, A, B, RIVER = CONTENT = [
    chunk(f'{{"content":"{piece}"}}') for piece in ("You ", "said: ", "a ", "b ", "河流")
]
STOP = chunk("{}", '"stop"')
DONE = b"data:[DONE]\n\n"
EVENTS = [ROLE, *CONTENT, STOP, DONE]
PLAIN = b"".join(EVENTS)

type Check = Callable[[Seen], bool]


def text(seen: Seen) -> bytes:
    """The body, with its id put aside."""
    at = seen.body.find(b'"id":"chat-')
    return seen.body.replace(seen.body[at + 6 : at + 35], b"ID") if at >= 0 else seen.body


def says(*events: bytes, ended: str = "whole") -> Check:
    return lambda seen: (seen.status, text(seen), seen.ended) == (200, b"".join(events), ended)


def is_json(status: int, document: Any) -> Check:
    kind = "application/json"
    return lambda seen: (
        (seen.status, seen.json, seen.content_type, seen.ended) == (status, document, kind, "whole")
    )


def is_page(status: int, kind: str) -> Check:
    return lambda seen: (
        (seen.status, seen.content_type) == (status, kind) and b"<html>" in seen.body
    )


def is_cut_head(raw: bytes, ended: str = "closed") -> Check:
    return lambda seen: (seen.raw, seen.status, seen.ended) == (raw, 0, ended)


def error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def in_200(code: int, message: str) -> dict[str, Any]:
    return {"status": str(code), "msg": message, "body": None}


def each_chunk(change: Callable[[bytes], bytes]) -> bytes:
    return b"".join(event if event == DONE else change(event) for event in EVENTS)


def with_usage(*counts: int) -> list[bytes]:
    events = []
    for event, said in zip(EVENTS[:-1], counts, strict=True):
        usage = f'{{"prompt_tokens":6,"completion_tokens":{said},"total_tokens":{6 + said}}}'
        events.append(event.replace(b"}\n\n", f',"usage":{usage}}}\n\n'.encode()))
    return events


def unpacks(bits: int, pieces: int) -> Check:
    def check(seen: Seen) -> bool:
        packer = zlib.decompressobj(wbits=bits)
        # Each chunk gives what it holds at once; nothing waits for the next one.
        texts = [packer.decompress(piece) for piece in seen.chunks]
        whole = Seen(body=b"".join(texts))
        return text(whole) == PLAIN and packer.eof and len(seen.chunks) == pieces

    return check


def routify(seen: Seen) -> bool:
    message = seen.json["error"]["message"]
    inner = json.loads(message[message.index("{") :])["routify_response"]
    expected = {"trace_id", "request_id", "success", "status", "error_source"}
    return seen.status == 400 and expected <= inner.keys()


def calls(names: list[str], finish: str) -> Check:
    def check(seen: Seen) -> bool:
        choice = seen.json["choices"][0]
        found = [call["function"]["name"] for call in choice["message"]["tool_calls"]]
        return (found, choice["finish_reason"]) == (names, finish)

    return check


SPRING = {
    "timestamp": "2026-02-02T00:00:00.000+00:00",
    "status": 500,
    "error": "Internal Server Error",
    "path": "/v1/chat/completions",
}
ERROR_EVENT = (
    b'data:{"error":{"message":"demo error in the stream","type":"demo_error",'
    b'"param":null,"code":"demo_error"}}\n\n'
)

STREAMED: dict[str, Check] = {
    "status=503": is_json(503, error("demo error 503", "demo_error", "503")),
    "status=429": lambda seen: seen.status == 429 and seen.headers["retry-after"] == "1",
    "in200": is_json(200, in_200(434, "Invalid apiKey")),
    "in200=511": is_json(200, in_200(511, "demo error 511")),
    "in200-sse=435": lambda seen: (
        seen.content_type == "text/event-stream" and seen.json == in_200(435, "Model not support")
    ),
    "in200-event=449": says(
        b'data:{"status":"449","msg":"rate limit exceeded","body":null}\n\n'
    ),
    "success-false": is_json(200, {"success": False, "message": "demo error"}),
    "error-200": is_json(200, {"error": {"message": "demo error"}}),
    "spring": is_json(500, SPRING),
    "routify": routify,
    "empty-406": lambda seen: (seen.status, seen.body, seen.ended) == (406, b"", "whole"),
    "html": is_page(502, "text/html"),
    "html-200": is_page(200, "text/html"),
    "html-200-sse": is_page(200, "text/event-stream"),
    "redirect": lambda seen: (
        (seen.status, seen.headers["location"])
        == (307, "http://elsewhere.invalid/v1/chat/completions")
    ),
    "echo-key": is_json(
        401, error(f"this is no key: Bearer {KEY}", "authentication_error", "invalid_api_key")
    ),
    "empty-200": lambda seen: (
        (seen.status, seen.content_type, seen.body, seen.ended)
        == (200, "application/json", b"", "whole")
    ),
    "close": is_cut_head(b""),
    "silence-head": is_cut_head(b"", "silent"),
    "half-head": is_cut_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev"),
    "garbage": is_cut_head(b"\x16\x03\x01 no HTTP \xff\xfe\r\n\r\n", "garbled"),
    "words=3": says(ROLE, YOU, SAID, A, STOP, DONE),
    "words=6": says(
        ROLE, YOU, SAID, A, B, chunk('{"content":"河流 "}'), chunk('{"content":"river "}'),
        STOP, DONE,
    ),
    "words=0": says(ROLE, STOP, DONE),
    "reasoning": lambda seen: (
        seen.body.index(b'{"content":null,"reasoning_content":"They ') < seen.body.index(b"You ")
    ),
    "finish=network_error": says(*EVENTS[:-2], chunk("{}", '"network_error"'), DONE),
    "stop-with-tools": lambda seen: (
        b'"tool_calls":[{"index":0,"id":"call_' in seen.body
        and text(seen).endswith(STOP + DONE)
    ),
    "no-finish": says(*EVENTS[:-2], DONE),
    "no-done": says(*EVENTS[:-1]),
    "usage-null": says(each_chunk(lambda e: e.replace(b"}\n\n", b',"usage":null}\n\n'))),
    "usage-empty": says(*EVENTS[:-2], chunk("{}", '"stop"', ',"usage":{}'), DONE),
    "usage-each": says(*with_usage(0, 1, 2, 3, 4, 4, 4), DONE),
    "no-choices": says(f"data:{HEAD}}}\n\n".encode(), DONE),
    "empty-choices": says(f'data:{HEAD},"choices":[]}}\n\n'.encode(), DONE),
    "error-event=2": says(ROLE, YOU, SAID, ERROR_EVENT, DONE),
    "error-event=0": says(ERROR_EVENT, DONE),
    "bad-json-event=1": says(ROLE, YOU, b'data:{"id":"broken\n\n', *EVENTS[2:]),
    "empty-stream": lambda seen: (
        (seen.content_type, seen.body, seen.ended) == ("text/event-stream", b"", "whole")
    ),
    "json-for-stream": lambda seen: (
        (seen.json["object"], seen.content_type) == ("chat.completion", "application/json")
    ),
    "space": says(PLAIN.replace(b"data:", b"data: ")),
    "crlf": says(PLAIN.replace(b"\n", b"\r\n")),
    "cr": says(PLAIN.replace(b"\n", b"\r")),
    "bom": says(b"\xef\xbb\xbf", PLAIN),
    "comments": says(*(b": keep-alive\n\n" + event for event in EVENTS)),
    "empty-data": says(*(b"data:\n\n" + event for event in EVENTS)),
    "no-final-newline": says(PLAIN.removesuffix(b"\n\n")),
    "cut=2": says(*EVENTS[:3], ended="closed"),
    "cut=0": says(ended="closed"),
    "cut-event=1": lambda seen: (
        seen.ended == "closed"
        and text(seen).startswith(ROLE + YOU + b"data:{")
        and len(seen.chunks[-1]) == (len(SAID) + 27) // 2
    ),
    "silence=2": says(*EVENTS[:3], ended="silent"),
    "silence=0": says(ended="silent"),
    "bad-chunk": lambda seen: (
        (text(seen), seen.raw[-6:], seen.ended) == (ROLE, b"\r\nzz\r\n", "garbled")
    ),
    "eof": lambda seen: (
        says(PLAIN, ended="closed")(seen) and "content-length" not in seen.headers
    ),
    "eof-cut=3": says(*EVENTS[:4], ended="closed"),
    "gzip": unpacks(31, len(EVENTS) + 1),
    "deflate": unpacks(15, len(EVENTS) + 1),
    "chunk=1": lambda seen: {len(piece) for piece in seen.chunks} == {1} and says(PLAIN)(seen),
    "chunk=7": lambda seen: {len(piece) for piece in seen.chunks} <= set(range(1, 8)),
    # Each alone and nothing lost; that they wait is shown further down.
    "delay=0.01": says(PLAIN),
    "ttft=0.01": says(PLAIN),
    "pause=0.001": says(PLAIN),
    "slow-read=0.001": says(PLAIN),
    # Some together.
    "pause=0.001, words=3, crlf": says(
        *(event.replace(b"\n", b"\r\n") for event in (ROLE, YOU, SAID, A, STOP, DONE))
    ),
    "chunk=5, cut=1": says(ROLE, YOU, ended="closed"),
    "silence=1, comments": says(
        b": keep-alive\n\n", ROLE, b": keep-alive\n\n", YOU, ended="silent"
    ),
}  # fmt: skip

BUFFERED: dict[str, Check] = {
    "in200=439": is_json(200, in_200(439, "API Token expired")),
    "size=5000": lambda seen: (
        4990 < len(seen.json["choices"][0]["message"]["content"].encode()) <= 5000
    ),
    "calls=2": calls(["demo_tool_0", "demo_tool_1"], "tool_calls"),
    "stop-with-tools": calls(["demo_tool_0"], "stop"),
    "finish=length": lambda seen: seen.json["choices"][0]["finish_reason"] == "length",
    "no-finish": lambda seen: seen.json["choices"][0]["finish_reason"] is None,
    "usage-null": lambda seen: seen.json["usage"] is None,
    "usage-empty": lambda seen: seen.json["usage"] == {},
    "no-usage": lambda seen: "usage" not in seen.json,
    "no-choices": lambda seen: "choices" not in seen.json and "usage" in seen.json,
    "empty-choices": lambda seen: seen.json["choices"] == [],
    "empty-stream": lambda seen: (
        (seen.content_type, seen.body, seen.ended) == ("application/json", b"", "whole")
    ),
    "bom": lambda seen: seen.body.startswith(b'\xef\xbb\xbf{"id":'),
    "cut=1": lambda seen: seen.ended == "closed" and seen.body.startswith(b'{"id":'),
    "silence=1": lambda seen: seen.ended == "silent" and seen.body.startswith(b'{"id":'),
    "silence=0": lambda seen: (seen.status, seen.body, seen.ended) == (200, b"", "silent"),
    "eof": lambda seen: seen.ended == "closed" and seen.json["object"] == "chat.completion",
    "gzip": lambda seen: json.loads(zlib.decompress(seen.body, 31))["usage"] is not None,
    "deflate, status=400": lambda seen: (
        seen.status == 400 and "error" in json.loads(zlib.decompress(seen.body))
    ),
    "chunk=1": lambda seen: len(seen.chunks) == len(seen.body) > 200,
    "reasoning": lambda seen: seen.json["choices"][0]["message"]["reasoning_content"].startswith(
        "They said 'a b"
    ),
    "status=204": lambda seen: (seen.status, seen.body, seen.ended) == (204, b"", "whole"),
}


def patience(faults: str) -> float:
    return IMPATIENCE if "silence" in faults else PATIENCE


ELSEWHERE = {"endless-head", "endless-line"}


def test_a_plain_stream_is_what_the_faults_are_compared_with() -> None:
    """Role, content, finish and [DONE], unspaced, each event a chunk of its own."""
    seen = ask_chat(stream=True)
    assert text(seen) == PLAIN
    assert len(seen.chunks) == len(EVENTS)
    assert seen.headers == {
        "content-type": "text/event-stream",
        "transfer-encoding": "chunked",
    }


@pytest.mark.parametrize("faults", STREAMED)
def test_a_streamed_request_gets_the_fault_it_asks_for(faults: str) -> None:
    """The bytes on the socket are those that the table promises."""
    seen = ask_chat(faults, patience=patience(faults), stream=True)
    assert STREAMED[faults](seen), seen


@pytest.mark.parametrize("faults", BUFFERED)
def test_a_buffered_request_gets_the_fault_it_asks_for(faults: str) -> None:
    """What makes sense for one document happens to it as well."""
    seen = ask_chat(faults, patience=patience(faults))
    assert BUFFERED[faults](seen), seen


def test_no_fault_is_left_untested() -> None:
    """A new entry of the table needs its line here."""
    asked = (parse_faults(case).values for case in (*STREAMED, *BUFFERED))
    assert set().union(*asked) | ELSEWHERE == FAULTS.keys()


@pytest.mark.parametrize("fault", sorted(ELSEWHERE))
def test_an_endless_answer_goes_on_until_the_client_hangs_up(fault: str) -> None:
    """Megabytes without a line end; the hang-up is counted and the server lives."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION | {"model": f"demo:{fault}", "stream": True}))
            data = await client.reader.readexactly(2_000_000)
            assert b"\r\n\r\n" not in data[1000:]
            assert data.count(b"\n\n") == 0
        assert await eventually(lambda: not server.stats["active"])
        assert server.stats["hangups"] == 1

    on_server(check)


@pytest.mark.parametrize("fault", sorted(ELSEWHERE))
def test_an_endless_answer_ends_after_50_megabytes(fault: str) -> None:
    """A client without a limit is not filled for ever."""

    async def check(server: DemoServer) -> None:
        async with await Client.connect(server) as client:
            client.writer.write(request(QUESTION | {"model": f"demo:{fault}", "stream": True}))
            size = 0
            while data := await client.reader.read(2**20):
                size += len(data)
        assert 50_000_000 < size < 54_000_000

    on_server(check)


@pytest.mark.parametrize("fault", ["delay", "ttft", "pause"])
def test_a_wait_comes_where_the_table_says(fault: str) -> None:
    """What comes before the wait is there, what comes after it is not."""
    seen = ask_chat(f"{fault}=60", patience=IMPATIENCE, stream=True)
    expected = {"delay": (0, b""), "ttft": (200, b""), "pause": (200, ROLE)}
    assert (seen.status, text(seen)) == expected[fault]
    assert seen.ended == "silent"


def test_a_slow_reader_takes_a_large_body_in_steps() -> None:
    """The answer is still to come when the client has long sent all, and comes in the end."""

    async def check(server: DemoServer) -> None:
        body = QUESTION | {"padding": "x" * 3_000_000}
        async with await Client.connect(server) as client:
            client.patience = IMPATIENCE
            client.writer.write(request(body, headers={"x-demo": "slow-read=60"}))
            assert (await client.answer()).ended == "silent"
        async with await Client.connect(server) as client:
            seen = await client.ask(request(body, headers={"x-demo": "slow-read=0.001"}))
            assert seen.json["choices"][0]["message"]["content"] == "You said: a b 河流"

    on_server(check)


def test_a_model_name_asks_for_faults_as_a_header_does() -> None:
    """Such a model answers in plain text and echoes its name; both sources add up."""
    seen = ask(request(QUESTION | {"model": "demo:words=2", "stream": True}))
    expected = b"".join([ROLE, YOU, SAID, STOP, DONE])
    assert text(seen) == expected.replace(b"qwen3-coder-plus", b"demo:words=2")
    both = ask_chat("no-done", model="demo:words=2", stream=True)
    assert text(both) == text(seen).removesuffix(DONE)


def test_a_fault_answers_on_paths_without_a_body_too() -> None:
    """A catalog's reader is tried with the same table."""
    seen = ask(request(method="GET", path="/v1/models", headers={"x-demo": "status=503"}))
    assert seen.status == 503


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("", {}),
        (" , ", {}),
        ("cut", {"cut": 1}),
        ("pause=0.02, words=200", {"pause": 0.02, "words": 200}),
        ("gzip,crlf ,finish = stop", {"gzip": 1, "crlf": 1, "finish": "stop"}),
    ],
)
def test_faults_are_parsed(given: str, values: dict[str, float | str]) -> None:
    """Blanks do not matter, and a value that is left out is the default."""
    assert parse_faults(given) == Faults(values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nonsense", "there is no fault 'nonsense': use one of status, "),
        ("gzip=1", "gzip takes no value"),
        ("cut=x", "cut=x needs a number"),
        ("cut=1.5", "cut=1.5 needs a number"),
        ("cut=-1", "cut=-1 is not between 0 and 100000"),
        ("status=99", "status=99 is not between 200 and 599"),
        ("pause=nan", "pause=nan is not between 0 and 3600"),
        ("chunk=0", "chunk=0 is not between 1 and 10000000"),
    ],
)
def test_a_wrong_fault_is_refused(given: str, message: str) -> None:
    """The message says what is accepted, to the caller of the parser and over HTTP."""
    with pytest.raises(ValueError, match=message):
        parse_faults(given)
    for seen in (ask_chat(given), ask_chat(model=f"demo:{given}")):
        assert seen.status == 400
        assert seen.json["error"]["message"].startswith(message)


def test_the_printed_table_has_a_line_for_each_fault() -> None:
    """Name, what stands behind the equals sign, and the doc."""
    lines = render_table().split("\n")
    assert [line.split()[0].partition("=")[0] for line in lines] == list(FAULTS)
    assert lines[0].startswith("status=N   ")
    assert all(fault.doc in line for fault, line in zip(FAULTS.values(), lines, strict=True))
