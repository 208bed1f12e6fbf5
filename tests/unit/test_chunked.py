"""The chunked coding comes off, however it was cut, and what breaks it is said."""

from __future__ import annotations

import h11
import pytest
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.chunked import MAX_LINE, Chunked

BODIES = {
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "two chunks": (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    "nothing": (b"0\r\n\r\n", b""),
    "upper case and leading zeros": (b"00A\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
    "extensions": (b'2;a=b;c="d"\r\nok\r\n0;last\r\n\r\n', b"ok"),
    "blanks behind the size": (b"2 \r\nok\r\n0\t\r\n\r\n", b"ok"),
    "trailer fields": (b"2\r\nok\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"ok"),
    "a body that looks like framing": (b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n\r\n"),
}


def read(pieces: list[bytes]) -> tuple[bytes, Chunked]:
    """What the pieces hold, up to the end of the body."""
    chunked, out = Chunked(), b""
    for piece in pieces:
        assert not chunked.ended
        out += chunked.feed(piece)
    return out, chunked


@pytest.mark.parametrize(("wire", "body"), BODIES.values(), ids=BODIES)
def test_a_body_comes_out_whole_and_byte_by_byte(wire: bytes, body: bytes) -> None:
    """One read or as many as there are bytes."""
    for pieces in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        out, chunked = read(pieces)
        assert (out, chunked.ended, chunked.broken, chunked.rest) == (body, True, None, b"")


@pytest.mark.parametrize(("wire", "body"), BODIES.values(), ids=BODIES)
def test_what_follows_the_body_is_kept(wire: bytes, body: bytes) -> None:
    """The next answer on the connection begins there."""
    out, chunked = read([wire + b"HTTP/1.1 200 OK"])
    assert (out, chunked.rest) == (body, b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("end", range(len(BODIES["trailer fields"][0])))
def test_a_body_that_is_cut_off_has_not_ended(end: int) -> None:
    """Not before the last blank line."""
    _, chunked = read([BODIES["trailer fields"][0][:end]])
    assert (chunked.ended, chunked.broken) == (False, None)


@pytest.mark.parametrize(
    "wire",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\nhello",
        b"5\nhello",
        b"\r\n",
        b"5 5\r\nhello",
        b"11111111111111111\r\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\rX",
        b"5;" + b"x" * MAX_LINE,
        b"0\r\nA: " + b"x" * MAX_LINE,
    ],
)
def test_what_is_no_chunk_breaks_the_body(wire: bytes) -> None:
    """Sizes that are none, sizes that do not fit, heads without end."""
    _, chunked = read([b"2\r\nok\r\n" + wire])
    assert chunked.broken
    assert not chunked.ended


def test_what_came_before_the_break_is_given() -> None:
    """The client gets all that the upstream really sent."""
    out, chunked = read([b"2\r\nok\r\n4\r\nfine\r\n?\r\n"])
    assert (out, chunked.broken) == (b"okfine", "a chunk begins with b'?\\r\\n'")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 30)))
def test_any_cutting_reads_as_h11_reads_it(chunks: list[bytes], cuts: list[int]) -> None:
    """h11 is the judge."""
    wire = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    buffer, judge, expected = ReceiveBuffer(), ChunkedReader(), b""
    buffer += wire
    while isinstance(event := judge(buffer), h11.Data):
        expected += event.data
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(wire[at : at + cut])
        at += cut
        if at >= len(wire):
            break
    if at < len(wire):
        pieces.append(wire[at:])
    out, chunked = read(pieces)
    assert (out, chunked.ended) == (expected, True)
