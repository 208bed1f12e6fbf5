"""Server-sent events: where one ends, what it holds, and that no byte gets lost."""

from __future__ import annotations

import pytest

from iflow_relay import sse
from iflow_relay.sse import (
    BOM,
    DONE,
    Splitter,
    TooLong,
    event_data,
    render_event,
    split_events,
)

STREAMS = [
    (b"data: a\n\n", [b"data: a\n\n"]),
    (b"data: a\r\n\r\n", [b"data: a\r\n\r\n"]),
    (b"data: a\r\rx", [b"data: a\r\r", b"x"]),
    (b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r\n\r\n", b"data: b\r\n\r\n"]),
    (b"event: x\r\ndata: a\r\n\r\n", [b"event: x\r\ndata: a\r\n\r\n"]),
    (b"data: {\r\ndata: }\r\n\r\n", [b"data: {\r\ndata: }\r\n\r\n"]),
    (b"id: 1\nevent: x\ndata: a\n\n", [b"id: 1\nevent: x\ndata: a\n\n"]),
    (b"data: a\n\r\ndata: b\r\n\n", [b"data: a\n\r\n", b"data: b\r\n\n"]),
    (b"data: a\r\r\ndata: b\n\n", [b"data: a\r\r\n", b"data: b\n\n"]),
    (b": hi\n\ndata: a\n\n", [b": hi\n\n", b"data: a\n\n"]),
    (b"data: \xe2\x80\xa8\xc2\x85\x0b\x0c\n\n", [b"data: \xe2\x80\xa8\xc2\x85\x0b\x0c\n\n"]),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_block_is_cut_behind_each_blank_line(stream: bytes, events: list[bytes]) -> None:
    """CR LF is one line end, however many of them stand in an event."""
    assert split_events(stream) == events


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_splitter_holds_back_what_is_not_whole(stream: bytes, events: list[bytes]) -> None:
    """Byte by byte the same events come out, each as soon as it is whole."""
    splitter = Splitter()
    blocks = [splitter.feed(stream[i : i + 1]) for i in range(len(stream))]
    rest = splitter.finish()
    came = [event for block in blocks if block for event in split_events(block)]
    assert [*came, *([rest] if rest else [])] == events
    assert not splitter.pending


@pytest.mark.parametrize(
    "part",
    [
        b"d",
        b"data: a",
        b"data: a\n",
        b"data: a\r",
        b"data: a\r\n",
        b"event: x\r\ndata: a\r\n",
        b"data: a\r\n\r",
        b"\r\n",
    ],
)
def test_part_of_an_event_waits(part: bytes) -> None:
    """A CR at the end may be the first half of a CR LF."""
    splitter = Splitter()
    assert splitter.feed(part) == b""
    assert splitter.pending
    assert splitter.finish() == part
    assert not splitter.pending
    assert splitter.finish() == b""


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"])
def test_an_event_is_handed_on_the_moment_it_is_whole(end: bytes) -> None:
    """The last byte of its blank line is enough, and what follows stays."""
    splitter = Splitter()
    event = b"data: a" + end
    assert splitter.feed(event[:-1]) == b""
    assert splitter.feed(event[-1:]) == event
    assert splitter.feed(event + b"data: b") == event
    assert splitter.finish() == b"data: b"


@pytest.mark.parametrize("line", [b"x", b"x\n", b"x\r", b"x\r\n"])
def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    """Memory is bounded, whatever line ends the upstream writes, or none."""
    monkeypatch.setattr(sse, "MAX_EVENT", 1 << 20)
    splitter = Splitter()
    piece = line * 65536
    for _ in range((1 << 20) // len(piece)):
        assert splitter.feed(piece) == b""
    with pytest.raises(TooLong, match="1 MiB"):
        splitter.feed(piece)


def test_an_event_of_many_megabytes_passes() -> None:
    """An image in base64 is one event."""
    splitter = Splitter()
    event = b"data: " + b"x" * (8 << 20) + b"\n\n"
    pieces = [event[i : i + 65536] for i in range(0, len(event), 65536)]
    assert b"".join([splitter.feed(piece) for piece in pieces]) == event


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a \n\n", b" a "),
        (b"data:\ta\n\n", b"\ta"),
        (b"data\n\n", b""),
        (b"data:\n\n", b""),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a\r\ndata: b\r\n\r\n", b"a\nb"),
        (b"data: a\rdata: b\r\r", b"a\nb"),
        (b"data: a\ndata\ndata:\n\n", b"a\n\n"),
        (b"id: 7\nevent: x\nretry: 9\ndata: a\n: c\n\n", b"a"),
        (b"\n\ndata: a\n\n", b"a"),
        (BOM + b"data: a\n\n", b"a"),
        (b"data: \xe2\x80\xa8\xc2\x85\x0b\x0c\x1c\n\n", b"\xe2\x80\xa8\xc2\x85\x0b\x0c\x1c"),
        (b": data: a\n\n", None),
        (b" data: a\n\n", None),
        (b"database: a\n\n", None),
        (b"Data: a\n\n", None),
        (b"event: ping\n\n", None),
        (b"\n", None),
        (b"", None),
    ],
)
def test_the_data_of_an_event_is_read(event: bytes, data: bytes | None) -> None:
    """One blank after the colon is not data, and only CR and LF end a line."""
    assert event_data(event) == data


def test_an_event_is_rendered_as_one_line_of_json() -> None:
    """Text stays readable, and a line break in it stays inside its string."""
    assert render_event({"a": "河\n\u2028"}) == 'data: {"a": "河\\n\u2028"}\n\n'.encode()
    assert event_data(DONE) == b"[DONE]"


def test_half_a_surrogate_pair_is_rendered() -> None:
    """Some models cut an emoji in two; the client puts the halves together."""
    event = render_event({"a": "\ud83d"})
    assert event_data(event) == rb'{"a": "\ud83d"}'
