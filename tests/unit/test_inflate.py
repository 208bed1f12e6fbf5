"""Compressed streams: what comes out is what went in, whatever the frame and the cuts."""

from __future__ import annotations

import gzip
import zlib

import pytest
from tests.unit.reading import bytewise, read

from iflow_relay.inflate import PIECE

STREAM = b"".join(
    b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % n for n in range(50)
)


def raw_deflate(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=-15)
    return packer.compress(data) + packer.flush()


FRAMES = {
    "gzip": ("gzip", gzip.compress(STREAM)),
    "x-gzip": ("x-gzip", gzip.compress(STREAM)),
    "zlib": ("deflate", zlib.compress(STREAM)),
    "raw": ("deflate", raw_deflate(STREAM)),
    "raw stored": ("deflate", raw_deflate(STREAM, level=0)),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_compressed_stream_reads_as_a_plain_one(frame: str) -> None:
    """At once or byte by byte, with zlib's frame or without."""
    coding, data = FRAMES[frame]
    plain = read([STREAM])
    assert read([data], coding=coding) == plain
    assert read(bytewise(data), coding=coding) == plain


def test_each_flush_reaches_the_client() -> None:
    """A stream that is compressed event by event is still a stream."""
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(STREAM[:100]) + packer.flush(zlib.Z_SYNC_FLUSH)
    got = read([first], coding="gzip", delimited=False)
    assert got.out.startswith(STREAM[: STREAM.index(b"\n\n") + 2])


def test_members_of_a_gzip_file_are_read_one_after_another() -> None:
    """A server may close one member per chunk (RFC 1952, section 2.2)."""
    half = STREAM.index(b"\n\n", len(STREAM) // 2) + 2
    data = gzip.compress(STREAM[:half]) + gzip.compress(STREAM[half:])
    assert read([data], coding="gzip") == read([STREAM])
    assert read(bytewise(data), coding="gzip") == read([STREAM])


@pytest.mark.parametrize("extra", [0, 1, 100, 257, 258])
@pytest.mark.parametrize("frame", ["raw", "zlib"])
def test_an_output_that_just_passes_the_piece_is_whole(frame: str, extra: int) -> None:
    """What the decompressor still holds when its input is used up is not forgotten."""
    # The letters at the end compress to next to nothing, so that the input ends long before them.
    head = STREAM + b": "
    text = head + b"x" * (PIECE + extra - len(head) - 2) + b"\n\n"
    packed = raw_deflate(text) if frame == "raw" else zlib.compress(text)
    assert read([packed], coding="deflate") == read([text])


@pytest.mark.parametrize("data", [b"data: {}\n\n", b"\x1f\x8b\xff\xff" * 9, b"\x00" * 99])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_damaged_compression_is_an_error(data: bytes, coding: str) -> None:
    """The client is told, with a status, as nothing was sent yet."""
    for pieces in ([data], bytewise(data)):
        got = read(pieces, coding=coding)
        assert got.refusal
        assert got.refusal.status == 502
        assert got.out == b""


def test_damage_in_the_middle_ends_the_stream_with_an_error_event() -> None:
    """What came before it stays."""
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(STREAM) + packer.flush(zlib.Z_FULL_FLUSH)
    got = read([packed, b"\xff" * 20], coding="gzip")
    assert got.out.startswith(STREAM)
    assert got.refusal is None
    assert got.failure
    assert (got.failure.status, got.failure.code) == (502, "upstream_invalid")
    assert got.out.endswith(b'"code": "upstream_invalid"}}\n\n')


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", ""])
def test_a_coding_that_is_not_known_is_named(coding: str) -> None:
    """Identity was asked for, so this is rare; it is still no silence."""
    got = read([b"abc"], coding=coding or "compress")
    assert got.refusal
    assert repr(coding or "compress") in got.refusal.message


def test_a_small_bomb_is_opened_piece_by_piece() -> None:
    """Forty megabytes of nothing end with an error, not in memory."""
    bomb = gzip.compress(b"data: " + b"\0" * (40 << 20))
    assert len(bomb) < 200_000
    got = read([bomb], coding="gzip")
    assert got.refusal
    assert "16 MiB" in got.refusal.message
