"""What is known of a recorded call, taken over by the call that it answers."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy.test import tflow

from iflow_relay.dialects.chat import Usage
from iflow_relay.mitm.call import PACING, Call
from iflow_relay.mitm.recorded import Recorded
from iflow_relay.mitm.replaying import copy_notes
from iflow_relay.routing import Kind, Route

NOTES = {
    PACING: "1.0+5",
    "iflow.model": "ran",
    "iflow.model.asked": "asked",
    "iflow.tokens.prompt": 5,
    "iflow.tokens.completion": 3,
    "iflow.finish": "stop",
    "iflow.tools": 2,
}


def copied(notes: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """A chat that a recording with these notes answers, and its flow's metadata."""
    flow = tflow.tflow()
    flow.metadata.clear()
    call = Call(Route(Kind.CHAT, "/chat/completions"))
    copy_notes(flow, call, Recorded(200, "OK", (), b"", (), False, notes))
    return call, flow.metadata


def test_the_figures_are_those_of_the_recorded_call() -> None:
    """Models, tokens, finish and tools; a stream is known by its pace."""
    call, metadata = copied(NOTES)
    assert (call.run, call.asked, call.stream) == ("ran", "asked", True)
    assert (call.usage, call.finish, call.tools) == (Usage(5, 3), "stop", 2)
    assert metadata == {"iflow.model": "ran", "iflow.model.asked": "asked"}


@pytest.mark.parametrize("odd", ["abc", None, 1.5, [], {}])
def test_what_somebody_has_written_over_them_is_no_fault(odd: Any) -> None:
    """A flow file can be edited: what is no count is none."""
    call, metadata = copied(NOTES | dict.fromkeys(NOTES, odd) | {"iflow.error": odd})
    assert (call.usage, call.tools) == (Usage(), 0)
    assert all(isinstance(value, str) for value in metadata.values())


def test_a_client_that_left_then_has_not_left_now() -> None:
    """Other errors are told again."""
    assert copied(NOTES | {"iflow.error": "upstream_broken"})[1]["iflow.error"] == "upstream_broken"
    assert "iflow.error" not in copied(NOTES | {"iflow.error": "client_disconnected"})[1]
