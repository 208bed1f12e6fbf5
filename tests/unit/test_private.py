"""What a private relay says when it is ready. How it starts and ends is shown with `run`."""

from __future__ import annotations

import json

import pytest

from iflow_relay.private import RELAY, Ready, RelayFailed, parse_ready

SAID = {"endpoint": "http://127.0.0.1:1", "proxy": "http://127.0.0.1:2", "confdir": "/c"}


def test_its_line_tells_where_it_listens() -> None:
    """What it may tell besides is taken where it is there."""
    least = Ready("http://127.0.0.1:1", "http://127.0.0.1:2", "/c")
    assert parse_ready(json.dumps(SAID).encode()) == least
    more = {"pid": 7, "web": "http://127.0.0.1:3", "hosts": ["a.example"], "further": []}
    assert parse_ready(json.dumps(SAID | more).encode() + b"\n") == least._replace(
        web="http://127.0.0.1:3", hosts=("a.example",)
    )


@pytest.mark.parametrize("line", [b"Listening\n", b"[]", b"7", b"{}", b"\xff", b'{"proxy": "x"}'])
def test_another_line_is_a_failure(line: bytes) -> None:
    """The message shows how it begins."""
    with pytest.raises(RelayFailed, match="in place of its addresses") as caught:
        parse_ready(line)
    assert len(str(caught.value)) < 300


def test_the_folder_at_hand_is_not_searched_for_modules() -> None:
    """A user's own json.py is no part of the relay."""
    assert RELAY[1:] == ("-P", "-m", "iflow_relay", "intercept", "--private")
