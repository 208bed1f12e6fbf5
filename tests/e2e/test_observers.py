"""Whoever only looks on spoils nothing: not the answer, and not what others see of it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay

BREAKS = """
from iflow_relay.mitm import accounting, metering

def broken(*_):
    raise RuntimeError("a fault of our own")

accounting.make_row = broken
metering.outcome = broken
"""


def test_a_call_that_cannot_be_noted_is_answered(start_relay: StartRelay, tmp_path: Path) -> None:
    """In one piece and streamed; the log says what is wrong."""

    script = tmp_path / "breaks.py"
    script.write_text(BREAKS)
    relay = start_relay(*LIKE_IFLOW, arguments=["-s", str(script)])
    relay.never_says = ()
    with relay.client() as client:
        assert chat(client).text == "You said: hello"
        assert chat(client, stream=True).text == "You said: hello"
    assert "A call could not be noted" in relay.log()
