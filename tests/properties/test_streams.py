"""What holds of every stream, however the network cuts it."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.reading import ALL_RULES, NO_RULES, Got, bytewise, cut, read

from iflow_relay.dialects.chat import RULES
from iflow_relay.sse import BOM, Splitter, event_data, split_events

CODINGS = ("gzip", "deflate", "raw")

# --- what upstreams send -------------------------------------------------------------------------

TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "\u2028",
        "a\u2029b\x85\x0b\x0c\x1c",
        "\U0001f600",
        "\ufeff",
        "\ud83d",
        "\r\n\n",
        '"choices":',
        '"error":{"message":"x"}',
        '","finish_reason":"stop',
        "data: [DONE]\n\n",
        "[DONE]",
        "{",
    ]
)

NUMBERS = st.integers(0, 10**6) | st.sampled_from([-1, 10**30, 0.5])

ODDITIES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)

TOOL_CALLS = st.lists(
    st.fixed_dictionaries(
        {"index": st.integers(0, 2)},
        optional={"id": TEXTS, "function": st.fixed_dictionaries({"arguments": TEXTS})},
    ),
    max_size=2,
)

DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": TEXTS | st.none(),
        "reasoning_content": TEXTS | st.none(),
        "tool_calls": TOOL_CALLS | st.none(),
    },
)

USAGES: st.SearchStrategy[Any] = (
    st.none()
    | st.just({})
    | st.fixed_dictionaries({"prompt_tokens": NUMBERS, "completion_tokens": NUMBERS})
)

REASONS = st.sampled_from([None, None, "stop", "tool_calls", "length", "network_error", ""])

CHOICES = st.fixed_dictionaries(
    {"delta": DELTAS}, optional={"index": st.integers(0, 2), "finish_reason": REASONS}
)

CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=2)},
    optional={"id": TEXTS, "usage": USAGES, "error": st.none() | st.just({})},
)

ERRORS = st.sampled_from(
    [
        {"status": "434", "msg": "Invalid apiKey", "body": None},
        {"status": "449", "msg": "busy"},
        {"success": False, "message": "no"},
        {"error": {"message": "bad", "code": 429}},
        {"error": "Internal Server Error", "status": 500, "path": "/x"},
        {"choices": [], "error": {"message": "half: \ud83d"}},
        {"choices": [{"finish_reason": "error"}], "error": {"message": "gone"}},
        {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        {"object": "ping"},
    ]
)


@st.composite
def payloads(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """A document as JSON, in one of the ways in which serializers write it."""
    text = json.dumps(
        draw(documents),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])),
        indent=draw(st.sampled_from([None, None, None, 1])),
    )
    return text.encode("utf-8", "replace")


DATA = st.one_of(
    payloads(CHUNKS),
    payloads(CHUNKS),
    payloads(CHUNKS),
    payloads(ERRORS),
    payloads(ODDITIES),
    st.sampled_from([b"[DONE]", b"[DONE] ", b" [DONE]", b'"[DONE]"', b"", b" ", b"{", b"\xff\x00"]),
)

COMMENTS = st.sampled_from([b": keep-alive", b":", b": data: {}", b"id: 1", b"event: x", b"retry:"])
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def events(draw: st.DrawFn, data: st.SearchStrategy[bytes] = DATA) -> list[bytes]:
    """The lines of one event: fields and comments, and data spaced or not."""
    before, after = draw(st.lists(COMMENTS, max_size=2)), draw(st.lists(COMMENTS, max_size=1))
    if draw(st.integers(0, 9)) == 0:
        return [*before, *after]
    name = draw(st.sampled_from([b"data: ", b"data: ", b"data:", b"data:  "]))
    lines = re.split(rb"\r\n|\n|\r", draw(data))
    return [*before, *(name + line for line in lines), *after]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A stream of any kind, its last event perhaps unfinished; sometimes it is none at all."""
    if draw(st.integers(0, 9)) == 0:
        start = draw(st.sampled_from([b"", BOM, b"\n", BOM[:2], b" "]))
        return start + draw(
            payloads(ERRORS | CHUNKS) | st.sampled_from([b"", b"<html>", b"hi", b"[["])
        )
    uniform = draw(st.none() | LINE_ENDS)
    out = bytearray(draw(st.sampled_from([b"", b"", BOM, b"\n", b"\r"])))
    for lines in draw(st.lists(events(), max_size=6)):
        for line in [*lines, *[b""] * draw(st.sampled_from([1, 1, 1, 2]))]:
            out += line + (uniform or draw(LINE_ENDS))
    if draw(st.booleans()):
        out += b"data: [DONE]" + (uniform or b"\n") * draw(st.integers(0, 2))
    lost = draw(st.sampled_from([0, 0, 0, 1, 2, 3, 9]))
    return bytes(out[: len(out) - lost])


POINTS = st.lists(st.integers(0, 2000), max_size=8)
CUT_RULES = st.sampled_from([ALL_RULES, ALL_RULES, NO_RULES, *(ALL_RULES - {r} for r in RULES)])


def cut_somewhere(data: bytes, points: list[int]) -> list[bytes]:
    return cut(data, [point % (len(data) + 1) for point in points])


def outcome(got: Got) -> Got:
    """What must not depend on the cuts; whether the end was seen before it came may."""
    return got._replace(finished=True)


# --- cuts ----------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(stream=streams(), points=POINTS, rules=CUT_RULES, delimited=st.booleans())
def test_any_cutting_gives_the_client_the_same(
    stream: bytes, points: list[int], rules: frozenset[str], delimited: bool
) -> None:
    """Bytes, refusal, failure and usage follow from the stream, not from the network."""
    whole = outcome(read([stream], rules=rules, delimited=delimited))
    for pieces in (cut_somewhere(stream, points), bytewise(stream)):
        assert outcome(read(pieces, rules=rules, delimited=delimited)) == whole


@settings(max_examples=120, deadline=None)
@given(stream=streams(), points=POINTS, coding=st.sampled_from(CODINGS), level=st.integers(0, 9))
def test_a_compressed_stream_gives_the_client_what_a_plain_one_does(
    stream: bytes, points: list[int], coding: str, level: int
) -> None:
    """gzip, and deflate with zlib's frame or without, however they are cut."""
    packer = zlib.compressobj(level, wbits={"gzip": 31, "deflate": 15, "raw": -15}[coding])
    packed = packer.compress(stream) + packer.flush()
    name = coding if coding == "gzip" else "deflate"
    plain = outcome(read([stream]))
    for pieces in ([packed], cut_somewhere(packed, points), bytewise(packed)):
        assert outcome(read(pieces, coding=name)) == plain


@settings(max_examples=120, deadline=None)
@given(stream=streams(), points=POINTS, delimited=st.booleans())
def test_where_an_error_stands_in_for_an_answer_nothing_was_given(
    stream: bytes, points: list[int], delimited: bool
) -> None:
    """The status can still be chosen only then."""
    got = read(cut_somewhere(stream, points), delimited=delimited)
    assert not (got.refusal and got.out)
    assert got.refusal is None or got.refusal == got.failure


@settings(max_examples=120, deadline=None)
@given(stream=streams(), points=POINTS)
def test_a_stream_ends_with_done_or_with_an_error(stream: bytes, points: list[int]) -> None:
    """With one of them, once, as its last event; a refusal is an answer of its own."""
    got = read(cut_somewhere(stream, points))
    if got.refusal:
        return
    told = [data for event in split_lf(got.out) if (data := event_data(event)) is not None]
    done = [data.strip() == b"[DONE]" for data in told]
    assert done.count(True) == (0 if got.failure else 1)
    if got.failure:
        assert json.loads(told[-1])["error"]["code"] == got.failure.code
    else:
        assert done[-1]


# --- bytes ---------------------------------------------------------------------------------------

LINE_END = re.compile(rb"\r\n|\n|\r")


def split_lf(stream: bytes) -> list[bytes]:
    """The events of a stream by the letter of the standard, told line by line."""
    found, lines = [], []
    for line in LINE_END.split(stream.removeprefix(BOM)):
        if line:
            lines.append(line)
        elif lines:
            found.append(b"\n".join(lines))
            lines = []
    return found


SOUP = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: a", b"data:b", b":c", BOM]
    )
    | st.binary(max_size=3),
    max_size=25,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(stream=SOUP, points=POINTS)
def test_the_splitter_loses_and_invents_no_byte(stream: bytes, points: list[int]) -> None:
    """All that went in comes out, in its order, and blocks come apart without a loss."""
    splitter = Splitter()
    blocks = [splitter.feed(piece) for piece in cut_somewhere(stream, points)]
    assert b"".join(blocks) + splitter.finish() == stream
    for block in blocks:
        assert b"".join(split_events(block)) == block


@settings(max_examples=300, deadline=None)
@given(stream=SOUP, points=POINTS)
def test_events_end_where_the_standard_says(stream: bytes, points: list[int]) -> None:
    """A blank line and nothing else, with line ends of all three kinds mixed."""
    stream = stream.replace(BOM, b"") + b"x\n\n"
    splitter = Splitter()
    blocks = [splitter.feed(piece) for piece in cut_somewhere(stream, points)]
    assert splitter.finish() == b""
    data = [event_data(event) for block in blocks for event in split_events(block)]
    by_the_letter = [event_data(event) for event in split_lf(stream)]
    assert [d for d in data if d is not None] == [d for d in by_the_letter if d is not None]


@st.composite
def compliant_streams(draw: st.DrawFn) -> bytes:
    """A stream in which nothing is to be mended."""
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    chunk = st.fixed_dictionaries(
        {
            "id": st.just("c1"),
            "choices": st.lists(
                st.fixed_dictionaries(
                    {
                        "index": st.integers(0, 2),
                        "delta": st.fixed_dictionaries({}, optional={"content": TEXTS}),
                        "finish_reason": st.sampled_from([None, "stop", "length"]),
                    }
                ),
                max_size=2,
            ),
        },
        optional={"usage": USAGES},
    )
    called = st.fixed_dictionaries(
        {
            "choices": st.tuples(
                st.fixed_dictionaries(
                    {
                        "index": st.just(7),
                        "delta": st.fixed_dictionaries({"tool_calls": TOOL_CALLS}),
                        "finish_reason": st.sampled_from([None, "tool_calls"]),
                    }
                )
            )
        }
    )
    first = draw(payloads(chunk))
    rest = draw(st.lists(payloads(chunk) | payloads(called), max_size=5))
    out = bytearray()
    for payload in [first, *rest, b"[DONE]"]:
        for line in [*draw(st.lists(COMMENTS, max_size=1)), *payload.split(b"\n")]:
            out += (
                line if line.startswith((b":", b"id:", b"event:", b"retry:")) else b"data: " + line
            )
            out += end
        out += end
    return bytes(out)


@settings(max_examples=200, deadline=None)
@given(stream=compliant_streams(), points=POINTS)
def test_a_compliant_stream_comes_out_as_the_bytes_it_went_in(
    stream: bytes, points: list[int]
) -> None:
    """The relay adds nothing, drops nothing and writes nothing anew."""
    assume(b'"index":' in stream)  # an answer without a single choice is told as an error
    got = read(cut_somewhere(stream, points))
    assert got.out == stream
    assert got.failure is None
    assert got.finished


# --- noise ---------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    stream=streams(),
    noise=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), max_size=4),
    points=POINTS,
    rules=CUT_RULES,
)
def test_a_damaged_stream_raises_nothing(
    stream: bytes, noise: list[tuple[int, bytes]], points: list[int], rules: frozenset[str]
) -> None:
    """Every byte may be another one; the client gets an answer, or an error that can be told."""
    for place, damage in noise:
        place %= len(stream) + 1
        stream = stream[:place] + damage + stream[place + len(damage) :]
    got = read(cut_somewhere(stream, points), rules=rules)
    assert got.refusal or got.out or not (rules & {"done", "content"})


@settings(max_examples=120, deadline=None)
@given(data=st.binary(max_size=60), points=POINTS, pack=st.booleans())
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
def test_damaged_compression_raises_nothing(
    coding: str, data: bytes, points: list[int], pack: bool
) -> None:
    """Any bytes at all, or good ones with bad ones behind them."""
    packed = gzip.compress(b'data: {"choices":[]}\n\n')[:-4] + data if pack else data
    got = read(cut_somewhere(packed, points), coding=coding)
    assert got.refusal or got.out
