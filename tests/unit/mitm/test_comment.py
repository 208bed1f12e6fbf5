"""What a call's end writes onto its flow."""

from __future__ import annotations

from mitmproxy.test import tflow
from mitmproxy.utils.emoji import emoji

from iflow_relay.dialects.chat import Usage
from iflow_relay.mitm.call import Call, Ended
from iflow_relay.mitm.comment import FAILED, forget, note
from iflow_relay.routing import Kind, Route

CALL = Call(Route(Kind.CHAT, "/chat/completions"), asked="gpt-4o", run="glm-4.7", stream=True)
ENDED = Ended(CALL, 200, None, Usage(10, 20, 4, 5), 0.00001, 1.23456, "curl", "tool_calls", 2)
FAILURE = ENDED._replace(status=502, error="upstream_broken")


def test_figures_are_plain_values() -> None:
    """Flow files hold them, and mitmproxy's ~meta finds them."""
    flow = tflow.tflow()
    note(flow, ENDED)
    assert flow.metadata == {
        "iflow.tokens.prompt": 10,
        "iflow.tokens.completion": 20,
        "iflow.tokens.cached": 4,
        "iflow.tokens.reasoning": 5,
        "iflow.finish": "tool_calls",
        "iflow.tools": 2,
        "iflow.ttft": 0.0,
        "iflow.duration": 1.235,
        "iflow.line": flow.comment,
    }
    assert flow.comment == (
        "glm-4.7 · stream · 10→20 tok · ttft 0.00 s · 16 tok/s · 2 tools · tool_calls"
    )
    assert flow.marked == ""


def test_a_failure_is_marked() -> None:
    """By a mark that mitmproxy can draw."""
    flow = tflow.tflow()
    note(flow, FAILURE)
    assert flow.marked == FAILED
    assert FAILED in emoji
    assert flow.comment.startswith("502 upstream_broken · glm-4.7")


def test_what_somebody_wrote_stays() -> None:
    """A call that is held back may get a comment before it ends."""
    flow = tflow.tflow()
    flow.comment, flow.marked = "mine", ":star:"
    note(flow, FAILURE)
    assert (flow.comment, flow.marked) == ("mine", ":star:")


def test_a_look_at_the_health_is_no_line() -> None:
    """Unless it fails."""
    flow = tflow.tflow()
    note(flow, ENDED._replace(call=Call(Route(Kind.HEALTH, "/health"))))
    assert flow.comment == ""


def test_a_flow_that_is_sent_again_is_told_anew() -> None:
    """Nothing of a failure is left on it once it succeeds."""
    flow = tflow.tflow()
    flow.metadata |= {"iflow.pacing": "1.0+2", "iflow.turns.known": 3, "iflow.route": "chat"}
    note(flow, FAILURE)
    forget(flow)
    assert flow.metadata == {"iflow.route": "chat"}
    assert (flow.comment, flow.marked) == ("", "")
    note(flow, ENDED)
    assert flow.comment.startswith("glm-4.7 · stream")


def test_what_somebody_has_written_on_it_stays() -> None:
    """A comment and a mark of one's own are not the relay's to take."""
    flow = tflow.tflow()
    note(flow, FAILURE)
    flow.comment, flow.marked = "look at this", ":star:"
    forget(flow)
    assert (flow.comment, flow.marked) == ("look at this", ":star:")
