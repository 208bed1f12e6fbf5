"""Messages out of the bytes that an agent says."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.agent import messages as module
from iflow_relay.agent.messages import MessageReader, TooLong, parse_message

MESSAGE = st.one_of(
    st.fixed_dictionaries({"method": st.text(max_size=5), "params": st.text(max_size=5)}),
    st.fixed_dictionaries({"id": st.integers(), "result": st.text(max_size=5)}),
)
NOISE = st.sampled_from([b"// ready", b"", b"hello", b"[1]", b"\xff", b"{", b'{"a": 1}', b"  "])


def read(*pieces: bytes) -> tuple[list[dict[str, Any]], list[bytes]]:
    noted: list[bytes] = []
    reader = MessageReader(noted.append)
    return [message for piece in pieces for message in reader.feed(piece)], noted


@given(st.lists(st.one_of(MESSAGE, NOISE), max_size=6), st.lists(st.integers(0, 500)))
def test_any_cutting_gives_the_same_messages(said: list[Any], cuts: list[int]) -> None:
    """Cuts fall within letters, lines and noise."""
    lines = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in said]
    data = b"".join(line + b"\n" for line in lines)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert read(*pieces) == read(data)
    assert read(data)[0] == [item for item in said if isinstance(item, dict)]


def test_only_what_people_may_want_to_read_is_noted() -> None:
    """Comments and empty lines are not."""
    assert read(b"// ready\n\nError: no key\n{}\n") == ([], [b"Error: no key", b"{}"])


def test_a_line_that_does_not_end_is_waited_for() -> None:
    """It is no message before."""
    assert read(b'{"method": "x"}') == ([], [])


def test_a_line_that_is_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr(module, "MAX_LINE", 1 << 20)
    reader = MessageReader(lambda line: None)
    reader.feed(b"x" * (1 << 20))
    with pytest.raises(TooLong, match="a line of more than 1 MB"):
        reader.feed(b"x")


@pytest.mark.parametrize("line", [b"y\n", b"// y\n", b"\n"])
def test_lines_without_an_end_are_an_error(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless there are messages among them: it would keep the relay from everything else."""
    monkeypatch.setattr(module, "MAX_NOISE", 10)
    message = b'{"method": "x"}\n'
    assert len(read(line * 10, message, line * 10, message)[0]) == 2
    with pytest.raises(TooLong, match="10 lines that are no message"):
        read(line * 6, line * 5)


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b'{"jsonrpc": "2.0", "method": "x"}', True),
        (b'{"method": "x", "id": "of any kind"}', True),
        (b'{"id": 1, "result": null}\r', True),
        (b'{"id": 1}', True),
        (b'{"id": 1, "error": {}}', True),
        (b'{"id": 1, "error": "text"}', False),
        (b'{"id": "1", "result": 1}', False),
        (b'{"id": true, "result": 1}', False),
        (b'{"id": 1, "method": 7}', False),
        (b'{"id": [1]}', False),
        (b"[]", False),
        (b"null", False),
        (b"[" * 100_000, False),
    ],
)
def test_a_message_is_asked_told_or_answered(line: bytes, is_one: bool) -> None:
    """What the library could not take is none."""
    assert (parse_message(line) is not None) is is_one
