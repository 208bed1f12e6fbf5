"""A chat stream on its way through, told as files of what comes and what the client gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.reading import ALL_RULES, NO_RULES, Told, bytewise, read, tell

from iflow_relay.dialects.chat import RULES, Usage
from iflow_relay.dialects.chat_stream import MAX_DOCUMENT, ChatStream
from iflow_relay.errors import UpstreamTimeout
from iflow_relay.sse import BOM, DONE, MAX_EVENT, event_data

CASES = Path(__file__).parents[2] / "cases" / "chat"
NAMES = sorted(path.name.removesuffix(".upstream.sse") for path in CASES.glob("*.upstream.sse"))

GOOD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
ERROR = b'data: {"error":{"message":"bad"}}\n\n'
DEEP = b"[" * 200_000


def new(rules: frozenset[str] = ALL_RULES) -> ChatStream:
    return ChatStream(rules, now=lambda: 1.0)


def load(name: str) -> bytes:
    return (CASES / name).read_bytes()


def last_error(out: bytes) -> dict[str, str]:
    """The error in the last event of what a client got."""
    event = out.removesuffix(b"\n\n").rpartition(b"\n\n")[2]
    error: dict[str, str] = json.loads(event_data(event) or b"")["error"]
    return error


@pytest.mark.parametrize("name", NAMES)
def test_the_client_gets_what_the_case_says(name: str) -> None:
    """Whole or byte by byte: a stream (`.client.sse`), or an error status (`.client.json`)."""
    stream = load(f"{name}.upstream.sse")
    for pieces in ([stream], bytewise(stream)):
        got = read(pieces)
        if (CASES / f"{name}.client.sse").exists():
            assert got.out.decode() == load(f"{name}.client.sse").decode()
            assert got.refusal is None
        else:
            expected = json.loads(load(f"{name}.client.json"))
            error = expected["error"]
            assert got.out == b""
            assert got.refusal == Told(
                expected["status"], error["code"], error["message"], error["type"]
            )


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_can_be_switched_off(rule: str) -> None:
    """Without it the client gets what the upstream sent (`.off.sse`)."""
    got = read([load(f"rule-{rule}.upstream.sse")], rules=ALL_RULES - {rule})
    assert got.out.decode() == load(f"rule-{rule}.off.sse").decode()
    assert got.failure is None


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_works_alone(rule: str) -> None:
    """No rule needs another one to do its part."""
    if rule == "done":
        got = read([GOOD + STOP], rules=frozenset({rule}))
        assert got.out == GOOD + STOP + DONE
    else:
        got = read([load(f"rule-{rule}.upstream.sse")], rules=frozenset({rule}))
        assert got.out.decode() == load(f"rule-{rule}.client.sse").decode()


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("compliant", Usage(1, 2)),
        ("reasoning", Usage(1, 9)),
        ("rule-usage", Usage(11, 2)),
        ("usage-without-choices", Usage(1, 2)),
        ("minimax", Usage()),
        ("rule-done", Usage()),
        ("empty", Usage()),
    ],
)
def test_usage_is_read_for_the_ledger(name: str, usage: Usage) -> None:
    """The last word that says something counts; `null` and `{}` say nothing."""
    assert read([load(f"{name}.upstream.sse")]).usage == usage


def usage_event(usage: bytes, reason: bytes = b"null") -> bytes:
    return b'data: {"choices":[{"delta":{},"finish_reason":%s}],"usage":%s}\n\n' % (reason, usage)


COUNTED = b'{"prompt_tokens":1,"completion_tokens":2}'


@pytest.mark.parametrize("nothing", [b"{}", b"null", b"[]"])
@pytest.mark.parametrize("reason", [b"null", b'"stop"'])
@pytest.mark.parametrize("start", [b"", GOOD])
def test_usage_that_says_nothing_does_not_erase_what_was_said(
    nothing: bytes, reason: bytes, start: bytes
) -> None:
    """MiniMax ends with an empty one."""
    stream = start + usage_event(COUNTED) + usage_event(nothing, reason)
    assert read([stream]).usage == Usage(1, 2)


@pytest.mark.parametrize("colon", [":", ": ", " : ", ":  ", ":\t"])
@pytest.mark.parametrize("start", [b"", GOOD])
def test_an_event_is_understood_however_its_json_is_spaced(start: bytes, colon: str) -> None:
    """JSON allows blanks between its parts."""

    def event(reason: str | None, **fields: object) -> bytes:
        choice: dict[str, object] = {"delta": {"tool_calls": [{}]}, "finish_reason": reason}
        chunk = json.dumps({"choices": [choice], **fields}, separators=(",", colon))
        return f"data: {chunk}\n\n".encode()

    called = event(None, usage={"prompt_tokens": 1, "completion_tokens": 2})
    got = read([start + called + event("stop")])
    assert got.usage == Usage(1, 2)
    assert b'"finish_reason": "tool_calls"' in got.out


@pytest.mark.parametrize("reason", [b"null", b'"stop"'])
@pytest.mark.parametrize("start", [b"", GOOD])
def test_usage_is_not_read_where_its_rule_is_off(start: bytes, reason: bytes) -> None:
    """The rule is the reading."""
    stream = start + usage_event(COUNTED, reason)
    assert read([stream], rules=ALL_RULES - {"usage"}).usage == Usage()


@pytest.mark.parametrize(
    "done",
    [
        b"data: [DONE]\n\n",
        b"data:[DONE]\n\n",
        b"data: [DONE]\r\n\r\n",
        b"data: [DONE]\n",
        b"data: [DONE]",
        b"data:[DONE]\r",
        b"id: 1\ndata: [DONE]\n\n",
        b"data: [DONE]\n\ndata: [DONE]\n\n",
        b"data: [DONE]\n\n" + GOOD,
        b"data: [DONE]\n\ngarbage",
        b"",
    ],
)
def test_a_stream_is_done_once(done: bytes) -> None:
    """Whatever the upstream wrote at its end, the client reads `[DONE]`, and nothing after it."""
    stream = GOOD + STOP + done
    for pieces in ([stream], bytewise(stream), [GOOD + STOP, done]):
        got = read(pieces)
        assert got.out.startswith(GOOD + STOP)
        assert got.out.count(b"data: [DONE]") == 1
        assert got.out.rstrip().endswith(b"data: [DONE]")
        assert got.failure is None


@pytest.mark.parametrize("done", [b"data:  [DONE]\n\n", b"data: [DONE] \n\n", b"data:\t[DONE]\n\n"])
def test_a_done_with_blanks_around_it_is_made_the_word_that_clients_look_for(done: bytes) -> None:
    """OpenAI's SDK reads anything else as JSON, and fails."""
    assert read([GOOD + done]).out == GOOD + DONE


def test_done_ends_a_stream_before_its_connection_does() -> None:
    """Nobody waits for an upstream that keeps the connection open."""
    stream = new()
    assert stream.feed(GOOD + DONE) == GOOD + DONE
    assert stream.ended
    assert stream.feed(GOOD) == b""
    assert stream.finish() == b""
    assert stream.failure is None


def test_an_event_is_forwarded_the_moment_it_is_whole() -> None:
    """Not when the next one begins."""
    stream = new()
    for event in (GOOD, STOP, GOOD):
        assert stream.feed(event[:-1]) == b""
        assert stream.feed(event[-1:]) == event
    assert stream.feed(GOOD + GOOD[:20]) == GOOD
    assert stream.feed(GOOD[20:]) == GOOD


@pytest.mark.parametrize("first", [GOOD, b": hi\n\n", b"event: ping\n\n", b"retry: 9\n\n" + GOOD])
def test_an_error_after_the_first_bytes_is_an_event(first: bytes) -> None:
    """The cut between the two decides nothing: what stood before the error is the client's."""
    outcomes = {
        read(pieces)._replace(finished=True)
        for pieces in ([first + ERROR], [first, ERROR], bytewise(first + ERROR))
    }
    assert len(outcomes) == 1


def test_what_came_before_an_error_in_the_same_read_is_not_lost() -> None:
    """An error in the middle of a stream is its last event, however the network cut it."""
    got = read([GOOD + ERROR])
    assert got.out.startswith(GOOD)
    assert got.refusal is None
    assert last_error(got.out)["message"] == "bad"


@pytest.mark.parametrize("stream", [GOOD, GOOD + GOOD[:-10], GOOD[:-2], b": x\n\n"])
def test_where_an_error_stands_in_for_the_answer_nothing_was_given(stream: bytes) -> None:
    """`refusal` promises so."""
    for delimited in (True, False):
        got = read([stream], delimited=delimited)
        assert not (got.refusal and got.out)


def test_an_error_ends_a_stream_without_done() -> None:
    """Nothing follows it, not even what the upstream goes on to say."""
    got = read([GOOD, ERROR + GOOD + DONE, GOOD])
    assert got.finished
    assert b"[DONE]" not in got.out
    assert got.out.count(b'"content":"a"') == 1
    assert last_error(got.out)["code"] == "upstream_error"


@pytest.mark.parametrize(
    ("rest", "broken"),
    [
        (b"", False),
        (b"\n", False),
        (b": comment", False),
        (b"event: x", False),
        (STOP[:-2], False),
        (STOP[:-1], False),
        (b"data: {", True),
        (GOOD[:-10], True),
        (b"data: [DON", True),
    ],
)
def test_a_last_event_is_taken_if_it_is_whole(rest: bytes, broken: bool) -> None:
    """Some upstreams leave its blank line out; one that is cut in two is an error."""
    got = read([GOOD, rest])
    assert got.out.startswith(GOOD)
    if broken:
        assert got.failure
        assert (got.failure.status, got.failure.code) == (502, "upstream_broken")
        assert b"[DONE]" not in got.out
    else:
        assert got.failure is None
        assert got.out.endswith(DONE)


def test_a_stream_that_only_a_closed_connection_ended_must_have_finished() -> None:
    """Otherwise nobody can tell it from one that was cut off."""
    assert read([GOOD, STOP], delimited=False).out == GOOD + STOP + DONE
    assert read([GOOD + DONE], delimited=False).failure is None
    cut_off = read([GOOD], delimited=False)
    assert cut_off.failure
    assert cut_off.failure.code == "upstream_broken"
    assert b"[DONE]" not in cut_off.out
    assert read([GOOD], delimited=True).failure is None


@pytest.mark.parametrize("stream", [b"", b"\n\n", b" ", BOM, b": hi\n\n", b"event: x\n\n", DONE])
@pytest.mark.parametrize("delimited", [True, False])
def test_a_stream_without_an_event_is_told_as_an_event(stream: bytes, delimited: bool) -> None:
    """It is often a conversation that is too long, so the message says so."""
    for pieces in ([stream], bytewise(stream)):
        got = read(pieces, delimited=delimited)
        assert got.refusal is None
        assert got.failure
        assert got.failure.code == "empty_response"
        assert "too long" in last_error(got.out)["message"]
        assert b"[DONE]" not in got.out


@pytest.mark.parametrize("start", [b"", GOOD])
@pytest.mark.parametrize(
    "data",
    [
        b"no JSON",
        DEEP,
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b'{"status":"434","msg":"x"}',
        b'{"error":"x"}',
        rb'{"error":{"message":"half an emoji: \ud83d"}}',
        b'{"error":{"message":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    ],
    ids=lambda data: repr(data)[:30],
)
def test_an_event_that_is_no_chunk_ends_the_stream(start: bytes, data: bytes) -> None:
    """Before the first event is known the error has its status, later it is an event."""
    event = b"data: " + data + b"\n\n"
    for pieces in ([start, event], [start, event[:-2]]):
        got = read(pieces)
        assert got.failure
        assert got.failure.status in (401, 502)
        assert (got.refusal is None) is bool(start)
        assert got.out.startswith(start)
        if start:
            assert last_error(got.out)["message"] == got.failure.message


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"index":[],"delta":{"tool_calls":[1]}}]}',
        b'{"choices":[{"index":{},"delta":{},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":null,"delta":{"tool_calls":[1]},"finish_reason":"stop"}]}',
        b'{"choices":[{"delta":[],"finish_reason":[]}]}',
        b'{"choices":[{"index":' + b"9" * 5000 + b',"delta":{"tool_calls":[1]}}]}',
        b'{"choices":[{"index":-1,"delta":{"tool_calls":[1]},"finish_reason":"stop"}]}',
        b'{"choices":[{"delta":{"content":[]},"finish_reason":{}}]}',
        b'{"choices":{"0":{}}}',
        b'{"choices":"x"}',
        b'{"choices":[[],null,1]}',
        b'{"choices":[],"usage":[1]}',
        b'{"choices":[],"usage":{"prompt_tokens":"x"}}',
        rb'{"choices":[{"delta":{"content":"\ud83d","tool_calls":[1]},"finish_reason":"stop"}]}',
        rb'{"usage":{"x":"\ud83d"}}',
        b'{"choices":[{"delta":{"content":1e999}}]}',
        b'{"choices":[],"usage": {"x":' + b"[" * 9000 + b"]" * 9000 + b"}}",
        b'{"choices":[],"usage": {"x":' + DEEP,
    ],
    ids=lambda data: repr(data)[:50],
)
@pytest.mark.parametrize("start", [b"", GOOD])
def test_a_chunk_of_odd_values_breaks_nothing(start: bytes, data: bytes) -> None:
    """A stream callable that raises would cut the answer without a word."""
    for rules in (ALL_RULES, NO_RULES, *(frozenset({rule}) for rule in RULES)):
        got = read([start, b"data: " + data + b"\n\n"], rules=rules)
        assert got.out or got.refusal


def test_half_an_emoji_a_chunk_comes_out_as_it_went_in() -> None:
    """The client joins the halves of what the tokenizer cut."""
    halves = [GOOD.replace(b'"a"', b'"' + half + b'"') for half in (rb"\ud83d", rb"\ude00")]
    assert read(halves).out == b"".join(halves) + DONE


def test_a_byte_order_mark_hides_nothing() -> None:
    """The first event after it is spaced and read as every other one."""
    stream = BOM + GOOD.replace(b"data: ", b"data:") + STOP
    for pieces in ([stream], bytewise(stream)):
        assert read(pieces).out.removeprefix(BOM) == GOOD + STOP + DONE
    refused = read(bytewise(BOM + b'{"status":"434","msg":"x"}'))
    assert refused.refusal
    assert refused.refusal.status == 401


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_three_ways(end: bytes) -> None:
    """Events of several lines are whole in each of them."""
    stream = load("compliant.upstream.sse").replace(b"\n", end)
    for pieces in ([stream], bytewise(stream)):
        got = read(pieces)
        assert got.failure is None
        assert got.usage == Usage(1, 2)
        assert got.out.count(b"[DONE]") == stream.count(b"[DONE]")
        assert got.out[:-4] == stream[:-4] if end == b"\r\n" else True
        assert got.out.rstrip(b"\r\n") == stream.rstrip(b"\r\n")


@pytest.mark.parametrize("blanks", [b"\n", b" ", b"\r\n", b"\n\n\n"])
def test_blank_lines_that_keep_a_connection_alive_are_not_kept(blanks: bytes) -> None:
    """An upstream that says nothing but line breaks does not fill the memory."""
    stream = new()
    piece = blanks * ((1 << 18) // len(blanks))
    kept = 0
    while not (stream.feed(piece) or stream.ended):
        kept += len(piece)
        assert kept <= MAX_EVENT + len(piece)


@pytest.mark.parametrize("blanks", [10, 60_000, 200_000])
@pytest.mark.parametrize("rest", [b'{"status":"434","msg":"x"}', b": c\n\n" + GOOD + STOP])
def test_blanks_before_the_first_letter_cut_as_they_may_be_decide_nothing(
    blanks: int, rest: bytes
) -> None:
    """However many they are, one read or two of them lead to the same answer."""
    start = b"\n" * blanks
    whole = read([start + rest])
    assert read([start, rest]) == whole
    assert read([start[:-1], start[-1:] + rest[:1], rest[1:]]) == whole


@pytest.mark.parametrize("start", [b"{", b"[", b"<"])
def test_a_document_without_end_is_given_up(start: bytes) -> None:
    """Nobody waits for the rest of what is of no use."""
    stream = new()
    stream.feed(start)
    for _ in range((MAX_DOCUMENT >> 20) + 2):
        stream.feed(b"x" * (1 << 20))
    assert stream.ended
    assert stream.refusal


def test_an_event_without_end_is_an_error() -> None:
    """An image fits, an endless line does not."""
    stream = new()
    stream.feed(GOOD + b"data: ")
    out = b"".join([stream.feed(b"x" * (1 << 20)) for _ in range((MAX_EVENT >> 20) + 1)])
    assert last_error(out)["code"] == "upstream_invalid"
    assert "16 MiB" in last_error(out)["message"]
    assert stream.ended


def test_a_break_is_told_as_what_it_is() -> None:
    """Whoever carries the stream says how it ended."""
    stream = new()
    assert stream.fail(UpstreamTimeout("Silent for 300 seconds.")) == b""
    assert stream.refusal
    assert stream.refusal.status == 504
    stream = new()
    stream.feed(GOOD)
    assert last_error(stream.fail(UpstreamTimeout("Silent.")))["code"] == "upstream_timeout"
    assert stream.refusal is None
    assert stream.feed(GOOD) == stream.finish() == b""


@pytest.mark.parametrize("start", [b"", GOOD])
def test_a_key_in_an_error_is_masked(start: bytes) -> None:
    """An upstream that quotes the key does not tell the client."""
    stream = ChatStream(now=lambda: 1.0, redact=lambda text: text.replace("sk-a", "…"))
    out = stream.feed(start) + stream.feed(b'data: {"error":{"message":"bad key sk-a"}}\n\n')
    told = tell(stream.failure)
    assert told
    assert told.message == "bad key …"
    assert b"sk-a" not in out
    assert "sk-a" not in f"{stream.failure} {stream.failure!r}"


@pytest.mark.parametrize(
    ("delta", "is_token"),
    [
        (b'{"content":"a"}', True),
        (b'{"reasoning_content":"a"}', True),
        (b'{"reasoning":"a"}', True),
        (b'{"tool_calls":[{}]}', True),
        (b'{"role":"assistant"}', False),
        (b'{"content":""}', False),
        (b'{"content":null,"tool_calls":[]}', False),
        (b"{}", False),
        (b"null", False),
    ],
)
def test_the_time_of_the_first_token_is_noted(delta: bytes, is_token: bool) -> None:
    """A role alone is no token; of several tokens the first one counts."""
    times = iter([5.0, 6.0, 7.0])
    stream = ChatStream(now=lambda: next(times))
    chunk = b'data: {"choices":[{"delta":%s}]}\n\n' % delta
    stream.feed(chunk + chunk)
    assert stream.first_token_at == (5.0 if is_token else None)


def test_every_event_names_the_model_that_is_to_be_reported() -> None:
    """Also those that would else pass unread, and with tool calls in them."""
    named = GOOD.replace(b'{"choices"', b'{"model":"m","choices"')
    call = b'data: {"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}\n\n'
    stream = ChatStream(ALL_RULES, now=lambda: 1.0, report="gpt")
    out = stream.feed(named + named + call + STOP) + stream.finish()
    events = [json.loads(event_data(e) or b"") for e in out.removesuffix(DONE).split(b"\n\n") if e]
    assert [event.get("model") for event in events] == ["gpt", "gpt", "gpt", None]
    assert out.endswith(DONE)


def test_an_event_that_names_the_right_model_stays_as_it_came() -> None:
    """Nothing is written anew that need not be."""
    named = GOOD.replace(b'{"choices"', b'{"model": "gpt", "choices"')
    stream = ChatStream(ALL_RULES, now=lambda: 1.0, report="gpt")
    assert stream.feed(named + named) == named + named
